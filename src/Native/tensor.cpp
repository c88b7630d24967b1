// Tensors: making them from memory, asking about them, letting them go.
#include "abi.h"

#include <cstring>

using namespace tt;

TT_API Status tt_tensor_info(void* handle, TensorInfo* info) {
    return guard([&] {
        auto* tensor = static_cast<c10::TensorImpl*>(handle);
        auto device = tensor->device();
        auto alias = borrow(handle);
        info->dtype = static_cast<int32_t>(alias.scalar_type());
        info->device_type = static_cast<int32_t>(device.type());
        info->device_index = device.index();
        info->dimensions = static_cast<int32_t>(tensor->dim());
        info->elements = tensor->numel();
        info->sizes = tensor->sizes().data();
        info->strides = tensor->strides().data();
        info->requires_grad = alias.requires_grad();
        info->is_leaf = alias.is_leaf();
        info->is_contiguous = tensor->is_contiguous();
        info->element_size = static_cast<int32_t>(tensor->itemsize());
    });
}

TT_API Status tt_tensor_release(void* handle) {
    return guard([&] {
        live_handles.fetch_sub(1, std::memory_order_relaxed);
        Impl::reclaim(static_cast<c10::TensorImpl*>(handle));
    });
}

// Another handle on the same tensor.
TT_API Status tt_tensor_share(void* handle, void** result) {
    return guard([&] { *result = give(borrow(handle)); });
}

// A new CPU tensor with a copy of the given memory.
TT_API Status tt_tensor_from_memory(const void* data, int64_t bytes, int32_t dtype, const int64_t* sizes, int32_t dimensions, void** result) {
    return guard([&] {
        auto tensor = at::empty(at::IntArrayRef(sizes, dimensions), at::TensorOptions(static_cast<at::ScalarType>(dtype)));
        TORCH_CHECK(static_cast<int64_t>(tensor.nbytes()) == bytes, bytes, " bytes given for a tensor of ", tensor.nbytes());
        if (bytes > 0) std::memcpy(tensor.data_ptr(), data, bytes);
        *result = give(std::move(tensor));
    });
}

// The address of the first element; CPU only is the caller's to see to.
TT_API Status tt_tensor_data(void* handle, void** data) {
    return guard([&] { *data = borrow(handle).data_ptr(); });
}

// Replaces what a parameter holds and keeps its identity, its gradient and its place in an optimizer.
TT_API Status tt_tensor_set_data(void* handle, void* other) {
    return guard([&] { borrow(handle).set_data(borrow(other)); });
}

// Whether two handles are the same tensor.
TT_API int32_t tt_tensor_same(void* left, void* right) { return left == right; }
