# Run by cpack on what it is about to pack: Debian wants manual pages and changelogs compressed, without a time stamp, so
# that the same input gives the same package.
file(GLOB_RECURSE plain
  ${CPACK_TEMPORARY_DIRECTORY}/*/usr/share/man/man?/*.[1-8]
  ${CPACK_TEMPORARY_DIRECTORY}/*/usr/share/doc/*/changelog.Debian)
foreach(file IN LISTS plain)
  execute_process(COMMAND gzip -9n ${file} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
