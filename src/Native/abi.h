// The C ABI of the shim. Every entry point returns a status and nothing else; results leave through
// pointers. A tensor handle is an at::TensorImpl* that owns one reference; handles are counted.
#pragma once

#include <ATen/ATen.h>
#include <torch/version.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <new>
#include <string>

#define TT_API extern "C" __attribute__((visibility("default")))
#define TT_TORCH_AT_LEAST(major, minor) \
    (TORCH_VERSION_MAJOR > (major) || (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))

namespace tt {

// What a call came to. The message of a failure is heap text that the caller frees with tt_free.
enum StatusCode : int32_t { kOk = 0, kError = 1, kOutOfMemory = 2, kNotFound = 3, kCallback = 4 };

struct Status {
    int32_t code;
    char* message;
};

// One argument or result of an operator.
enum Tag : int32_t {
    kNone = 0, kDefault = 1, kTensor = 2, kInt = 3, kDouble = 4, kBool = 5, kString = 6,
    kIntList = 7, kDoubleList = 8, kTensorList = 9, kBoolList = 10, kDevice = 11, kGenerator = 12,
};

struct Value {
    int32_t tag;
    int32_t count;  // of a list or a text
    union {
        int64_t i;
        double d;
        void* p;
    };
};

struct TensorInfo {
    int32_t dtype, device_type, device_index, dimensions;
    int64_t elements;
    const int64_t* sizes;    // borrowed from the tensor
    const int64_t* strides;  // likewise
    int32_t requires_grad, is_leaf, is_contiguous, element_size;
};

extern std::atomic<int64_t> live_handles;

Status failure(StatusCode code, const char* what);
Status failure(const std::exception& error);

struct NotFound : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Runs a body and turns whatever it throws into a status: no exception crosses the ABI.
template <class Body>
Status guard(Body&& body) noexcept {
    try {
        body();
        return {kOk, nullptr};
    } catch (const std::exception& error) {
        return failure(error);
    } catch (...) {
        return failure(kError, "an exception of unknown type");
    }
}

using Impl = c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>;

// A tensor that shares a handle's reference count for as long as it lives.
inline at::Tensor borrow(void* handle) {
    return handle ? at::Tensor(Impl::reclaim_copy(static_cast<c10::TensorImpl*>(handle))) : at::Tensor();
}

// A new handle for a tensor; null for an undefined one.
inline void* give(at::Tensor tensor) {
    if (!tensor.defined()) return nullptr;
    live_handles.fetch_add(1, std::memory_order_relaxed);
    return tensor.unsafeReleaseTensorImpl();
}

inline c10::Device device_of(int64_t bits) {
    return c10::Device(static_cast<c10::DeviceType>(bits & 0xff), static_cast<c10::DeviceIndex>(bits >> 32));
}

}  // namespace tt
