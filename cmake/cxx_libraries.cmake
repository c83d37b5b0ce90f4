# flatvm::absl, flatvm::protobuf and flatvm::grpc: Debian's shared libraries, or its archives in a program of
# flatvm_add_brief_program. gRPC without TLS: all its connections are sockets that are handed to it.
pkg_check_modules(cxx_archives REQUIRED grpc++_unsecure protobuf)
list(REMOVE_ITEM cxx_archives_STATIC_LIBRARIES z)  # shared like all that reads what others wrote
set(archives)
foreach(library IN LISTS cxx_archives_STATIC_LIBRARIES ITEMS upb address_sorting cares re2)
  find_library(archive_${library} lib${library}.a)
  if(archive_${library})  # the C library's parts have none to be named
    list(APPEND archives ${archive_${library}})
  endif()
endforeach()
list(REMOVE_DUPLICATES archives)
list(JOIN archives "," archives)

# flatvm_either(<name> <shared library>...)
function(flatvm_either name)
  add_library(flatvm_${name} INTERFACE)
  add_library(flatvm::${name} ALIAS flatvm_${name})
  set(brief $<BOOL:$<TARGET_PROPERTY:FLATVM_BRIEF>>)
  target_link_libraries(flatvm_${name} INTERFACE
    "$<IF:${brief},$<LINK_GROUP:RESCAN,${archives},z>,${ARGN}>" Threads::Threads)
endfunction()
flatvm_either(absl absl::status absl::statusor absl::strings absl::cord)
flatvm_either(protobuf protobuf::libprotobuf)
flatvm_either(grpc gRPC::grpc++_unsecure)

# A program that runs for a moment: to load, relocate and look up some fifty shared libraries takes four fifths of its start.
function(flatvm_add_brief_program name)
  add_executable(${name} ${ARGN})
  set_target_properties(${name} PROPERTIES FLATVM_BRIEF ON)
  target_link_libraries(${name} PRIVATE flatvm::options)
  target_link_options(${name} PRIVATE -static-libstdc++ -static-libgcc -Wl,--gc-sections)
endfunction()
