#include "abi.h"

#include <ATen/Config.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <c10/util/Exception.h>

#include <cstdlib>
#include <cstring>

namespace tt {

std::atomic<int64_t> live_handles{0};

static char* copy_text(const std::string& text) {
    auto* copy = static_cast<char*>(std::malloc(text.size() + 1));
    if (copy) std::memcpy(copy, text.c_str(), text.size() + 1);
    return copy;
}

Status failure(StatusCode code, const char* what) {
    return {code, copy_text(what)};
}

static bool tells_of_memory(const std::string& text) {
    return text.find("out of memory") != std::string::npos || text.find("not enough memory") != std::string::npos ||
           text.find("can't allocate memory") != std::string::npos;
}

Status failure(const std::exception& error) {
    if (dynamic_cast<const NotFound*>(&error)) return failure(kNotFound, error.what());
    if (dynamic_cast<const std::bad_alloc*>(&error)) return failure(kOutOfMemory, "out of memory");
    std::string text = error.what();
    if (auto* torch_error = dynamic_cast<const c10::Error*>(&error)) text = torch_error->what_without_backtrace();
    return {tells_of_memory(text) ? kOutOfMemory : kError, copy_text(text)};
}

}  // namespace tt

using namespace tt;

TT_API void tt_free(void* memory) { std::free(memory); }

TT_API int64_t tt_live_handles() { return live_handles.load(); }

// The version of the ABI: the managed side refuses a library that was built from other sources.
TT_API int32_t tt_abi_version() { return 2; }

TT_API Status tt_torch_version(char** text) {
    return guard([&] { *text = failure(kOk, TORCH_VERSION).message; });
}

// 0: how libtorch was built, its processor capability included; 1: its threads.
TT_API Status tt_describe(int32_t what, char** text) {
    return guard([&] {
        auto description = what == 0 ? at::show_config() : at::get_parallel_info();
        *text = failure(kOk, description.c_str()).message;
    });
}

TT_API Status tt_threads(int32_t set, int32_t* count) {
    return guard([&] {
        if (set > 0) at::set_num_threads(set);
        *count = at::get_num_threads();
    });
}
