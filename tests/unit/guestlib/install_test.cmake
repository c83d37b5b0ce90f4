# Installs the components guest and dev into a folder and uses them as other people do:
#   cmake -DBUILD=<build folder> -DSOURCE=<project> -DWORK=<scratch folder> -DCXX=<compiler> -DFLAGS=<flags> -DPKG_CONFIG=<it>
#         -DLIBDIR=<lib folder below the prefix> -P install_test.cmake
cmake_minimum_required(VERSION 3.25)

function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${what}: ${code}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

function(expect_match text pattern what)
  if(NOT text MATCHES "${pattern}")
    message(FATAL_ERROR "${what}: expected ${pattern} in\n${text}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
set(prefix ${WORK}/prefix)
foreach(component guest dev)
  run("install ${component}" ${CMAKE_COMMAND} --install ${BUILD} --component ${component} --prefix ${prefix})
endforeach()
foreach(file bin/flatvm share/man/man1/flatvm.1 share/bash-completion/completions/flatvm include/flatvm/client.h
        ${LIBDIR}/libflatvm.so ${LIBDIR}/libflatvm.so.0 ${LIBDIR}/cmake/flatvm/flatvmConfig.cmake
        ${LIBDIR}/pkgconfig/flatvm.pc)
  if(NOT EXISTS ${prefix}/${file})
    message(FATAL_ERROR "not installed: ${file}")
  endif()
endforeach()

# Each public header stands alone, is clean, and brings nothing of gRPC, protobuf, abseil or the project's insides.
file(GLOB headers ${prefix}/include/flatvm/*.h)
foreach(header IN LISTS headers)
  set(strict -std=c++20 -x c++ -I ${prefix}/include -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Werror)
  run("${header} alone" ${CXX} ${strict} -fsyntax-only -include ${header} /dev/null)
endforeach()
run("preprocess" ${CXX} -std=c++20 -x c++ -I ${prefix}/include -E ${prefix}/include/flatvm/client.h)
foreach(word "[/\"](grpc|grpcpp|google|absl|nlohmann|daemon)/" "grpc::" "absl::" "protobuf" "flatvm::v1")
  if(output MATCHES "${word}")
    message(FATAL_ERROR "flatvm/client.h brings ${CMAKE_MATCH_0}")
  endif()
endforeach()

# The library exports its own names and nothing that it contains.
run("exported names" nm -D -C --defined-only ${prefix}/${LIBDIR}/libflatvm.so)
expect_match("${output}" "flatvm::Client::CreateVm" "exported names")
foreach(word "flatvm::v1" "flatvm::internal" "flatvm::guestlib::[A-Z][A-Za-z]*::" "grpc::" "google::" "absl::")
  if(output MATCHES "${word}")
    message(FATAL_ERROR "libflatvm.so exports ${word}:\n${output}")
  endif()
endforeach()

# find_package, then pkg-config.
file(WRITE ${WORK}/project/CMakeLists.txt "cmake_minimum_required(VERSION 3.25)
project(consumer LANGUAGES CXX)
find_package(flatvm 0.1 REQUIRED)
add_executable(consumer ${SOURCE}/tests/unit/guestlib/consumer.cc)
target_compile_options(consumer PRIVATE -Wall -Wextra -Wpedantic -Wconversion -Werror)
target_link_libraries(consumer PRIVATE flatvm::flatvm)
")
run("configure with find_package" ${CMAKE_COMMAND} -G ${GENERATOR} -S ${WORK}/project -B ${WORK}/build
    -DCMAKE_PREFIX_PATH=${prefix} -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_CXX_FLAGS=${FLAGS})
run("build with find_package" ${CMAKE_COMMAND} --build ${WORK}/build)
set(ENV{GRPC_VERBOSITY} NONE)
run("run what find_package built" ${WORK}/build/consumer)
expect_match("${output}" "consumer: (UNAVAILABLE/BROKER_UNREACHABLE|PERMISSION_DENIED/POLICY_FORBIDS)" "consumer")

if(PKG_CONFIG)
  set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
  run("pkg-config" ${PKG_CONFIG} --define-variable=prefix=${prefix} --cflags --libs flatvm)
  separate_arguments(words UNIX_COMMAND "${output}")
  separate_arguments(flags UNIX_COMMAND "${FLAGS}")
  run("build with pkg-config" ${CXX} -std=c++20 ${flags} ${SOURCE}/tests/unit/guestlib/consumer.cc ${words}
      -o ${WORK}/with-pkg-config)
  set(ENV{LD_LIBRARY_PATH} ${prefix}/${LIBDIR})
  run("run what pkg-config built" ${WORK}/with-pkg-config)
endif()

# The installed program, with the library beside it.
set(ENV{LD_LIBRARY_PATH} ${prefix}/${LIBDIR})
run("installed flatvm" ${prefix}/bin/flatvm --version)
expect_match("${output}" "^flatvm [0-9]" "flatvm --version")
