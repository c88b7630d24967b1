// What belongs to a thread or a device: autocast, generators, devices, memory.
#include "abi.h"

#include <ATen/Context.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/autocast_mode.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>

using namespace tt;

// Autocast of one device type; -1 leaves a setting as it is.
TT_API Status tt_autocast(int32_t device_type, int32_t enable, int32_t dtype, int32_t* was_enabled, int32_t* was_dtype) {
    return guard([&] {
        auto type = static_cast<c10::DeviceType>(device_type);
        auto wanted = static_cast<at::ScalarType>(dtype);
#if TT_TORCH_AT_LEAST(2, 4)
        *was_enabled = at::autocast::is_autocast_enabled(type);
        *was_dtype = static_cast<int32_t>(at::autocast::get_autocast_dtype(type));
        if (enable >= 0) at::autocast::set_autocast_enabled(type, enable != 0);
        if (dtype >= 0) at::autocast::set_autocast_dtype(type, wanted);
#else
        bool cuda = type == c10::DeviceType::CUDA;
        *was_enabled = cuda ? at::autocast::is_enabled() : at::autocast::is_cpu_enabled();
        *was_dtype = static_cast<int32_t>(cuda ? at::autocast::get_autocast_gpu_dtype() : at::autocast::get_autocast_cpu_dtype());
        if (enable >= 0) cuda ? at::autocast::set_enabled(enable != 0) : at::autocast::set_cpu_enabled(enable != 0);
        if (dtype >= 0) cuda ? at::autocast::set_autocast_gpu_dtype(wanted) : at::autocast::set_autocast_cpu_dtype(wanted);
#endif
        if (enable == 0) at::autocast::clear_cache();
    });
}

TT_API Status tt_autocast_nesting(int32_t change, int32_t* depth) {
    return guard([&] { *depth = change > 0 ? at::autocast::increment_nesting() : at::autocast::decrement_nesting(); });
}

TT_API Status tt_generator_default(int64_t device, void** generator) {
    return guard([&] {
        *generator = new at::Generator(at::globalContext().defaultGenerator(device_of(device)));
        live_handles.fetch_add(1, std::memory_order_relaxed);
    });
}

TT_API Status tt_generator_new(int64_t device, uint64_t seed, void** generator) {
    return guard([&] {
        auto where = device_of(device);
        // libtorch has no factory for every device outside its own headers; a clone of the default one serves.
        auto made = where.is_cpu() ? at::detail::createCPUGenerator(seed) : at::globalContext().defaultGenerator(where).clone();
        made.set_current_seed(seed);
        *generator = new at::Generator(std::move(made));
        live_handles.fetch_add(1, std::memory_order_relaxed);
    });
}

TT_API Status tt_generator_release(void* generator) {
    return guard([&] {
        delete static_cast<at::Generator*>(generator);
        live_handles.fetch_sub(1, std::memory_order_relaxed);
    });
}

TT_API Status tt_generator_seed(void* generator, int32_t set, uint64_t* seed) {
    return guard([&] {
        auto& target = *static_cast<at::Generator*>(generator);
        std::lock_guard<std::mutex> lock(target.mutex());
        if (set) target.set_current_seed(*seed);
        *seed = target.current_seed();
    });
}

TT_API Status tt_generator_get_state(void* generator, void** state) {
    return guard([&] {
        auto& target = *static_cast<at::Generator*>(generator);
        std::lock_guard<std::mutex> lock(target.mutex());
        *state = give(target.get_state());
    });
}

TT_API Status tt_generator_set_state(void* generator, void* state) {
    return guard([&] {
        auto& target = *static_cast<at::Generator*>(generator);
        std::lock_guard<std::mutex> lock(target.mutex());
        target.set_state(borrow(state));
    });
}

TT_API Status tt_manual_seed(uint64_t seed) {
    return guard([&] { at::manual_seed(seed); });
}

TT_API Status tt_cuda_devices(int32_t* count) {
    return guard([&] { *count = at::hasCUDA() ? static_cast<int32_t>(at::detail::getCUDAHooks().getNumGPUs()) : 0; });
}

TT_API Status tt_cuda_synchronize(int32_t index) {
    return guard([&] { at::detail::getCUDAHooks().deviceSynchronize(static_cast<c10::DeviceIndex>(index < 0 ? at::detail::getCUDAHooks().current_device() : index)); });
}

// The flags of at::Context that change how products are computed.
TT_API Status tt_context_flag(int32_t flag, int32_t set, int32_t* before) {
    return guard([&] {
        auto& context = at::globalContext();
        switch (flag) {
            case 0:
                *before = context.allowTF32CuBLAS();
                if (set >= 0) context.setAllowTF32CuBLAS(set != 0);
                break;
            case 1:
                *before = context.deterministicAlgorithms();
                if (set >= 0) context.setDeterministicAlgorithms(set != 0, false);
                break;
            case 2:
                *before = at::hasMKLDNN();
                break;
            default: TORCH_CHECK(false, "no flag ", flag);
        }
    });
}

// The kernel set that OpenBLAS chose, or null where the process has no OpenBLAS.
TT_API Status tt_blas_kernel(char** text) {
    return guard([&] {
        using Name = char* (*)();
        auto name = reinterpret_cast<Name>(dlsym(RTLD_DEFAULT, "openblas_get_corename"));
        *text = name ? failure(kOk, name()).message : nullptr;
    });
}
