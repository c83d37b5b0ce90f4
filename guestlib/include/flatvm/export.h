// Which names libflatvm.so exports.
#pragma once

#define FLATVM_EXPORT __attribute__((visibility("default")))
