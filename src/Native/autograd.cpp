// Gradients: modes, backward, hooks and functions whose backward is managed code.
#include "abi.h"

#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/edge.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/variable.h>

using namespace tt;
using torch::autograd::variable_list;

namespace {

variable_list borrow_all(void** handles, int32_t count) {
    variable_list tensors;
    tensors.reserve(count);
    for (int32_t i = 0; i < count; i++) tensors.push_back(borrow(handles[i]));
    return tensors;
}

// Managed code gets tensors as new handles, which it owns, and returns new handles, which we own.
// It returns null, or heap text that says what it threw.
using BackwardCallback = char* (*)(void* context, void** gradients, int32_t gradient_count, void** results, int32_t result_count);
using HookCallback = char* (*)(void* context, void* tensor);
using ReleaseCallback = void (*)(void* context);

at::Tensor take(void* handle) {
    if (!handle) return {};
    live_handles.fetch_sub(1, std::memory_order_relaxed);
    return at::Tensor(Impl::reclaim(static_cast<c10::TensorImpl*>(handle)));
}

void raise_if(char* message) {
    if (!message) return;
    std::string text = message;
    std::free(message);
    throw std::runtime_error(text);
}

struct ManagedFunction : torch::autograd::Node {
    BackwardCallback backward;
    ReleaseCallback release;
    void* context;
    int32_t inputs;

    ManagedFunction(BackwardCallback backward, ReleaseCallback release, void* context, int32_t inputs)
        : backward(backward), release(release), context(context), inputs(inputs) {}
    ~ManagedFunction() override { release(context); }

    variable_list apply(variable_list&& gradients) override {
        std::vector<void*> given, returned(inputs, nullptr);
        for (auto& gradient : gradients) given.push_back(give(gradient));
        raise_if(backward(context, given.data(), static_cast<int32_t>(given.size()), returned.data(), inputs));
        variable_list results;
        for (auto* handle : returned) results.push_back(take(handle));
        return results;
    }
    std::string name() const override { return "ManagedFunction"; }
};

// Runs after a leaf's gradient has been accumulated. libtorch has its own such hook from 2.1 on; a hook
// behind the accumulating node is the same and is there in 1.13 too.
struct AccumulatedHook : torch::autograd::FunctionPostHook {
    HookCallback callback;
    ReleaseCallback release;
    void* context;
    c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl> leaf;

    AccumulatedHook(HookCallback callback, ReleaseCallback release, void* context, const at::Tensor& tensor)
        : callback(callback), release(release), context(context), leaf(tensor.getIntrusivePtr()) {}
    ~AccumulatedHook() override { release(context); }

    variable_list operator()(const variable_list& outputs, const variable_list&) override {
        auto strong = leaf.lock();
        if (strong) raise_if(callback(context, give(at::Tensor(std::move(strong)))));
        return outputs;
    }
};

}  // namespace

TT_API Status tt_grad_get(void* handle, void** gradient) {
    return guard([&] { *gradient = give(borrow(handle).grad()); });
}

TT_API Status tt_grad_set(void* handle, void* gradient) {
    return guard([&] { borrow(handle).mutable_grad() = borrow(gradient); });
}

TT_API Status tt_requires_grad_set(void* handle, int32_t required) {
    return guard([&] { borrow(handle).set_requires_grad(required != 0); });
}

TT_API Status tt_detach_(void* handle) {
    return guard([&] { borrow(handle).detach_(); });
}

TT_API Status tt_grad_mode(int32_t set, int32_t* before) {
    return guard([&] {
        *before = at::GradMode::is_enabled();
        if (set >= 0) at::GradMode::set_enabled(set != 0);
    });
}

TT_API Status tt_inference_mode_enter(int32_t enabled, void** mode) {
    return guard([&] { *mode = new c10::InferenceMode(enabled != 0); });
}

TT_API Status tt_inference_mode_leave(void* mode) {
    return guard([&] { delete static_cast<c10::InferenceMode*>(mode); });
}

TT_API int32_t tt_inference_mode_is_enabled() { return c10::InferenceMode::is_enabled(); }

TT_API Status tt_backward(void** roots, void** gradients, int32_t count, int32_t retain, int32_t create, void** inputs, int32_t input_count) {
    return guard([&] {
        torch::autograd::backward(borrow_all(roots, count), gradients ? borrow_all(gradients, count) : variable_list(),
            retain != 0, create != 0, borrow_all(inputs, input_count));
    });
}

TT_API Status tt_gradients(void** roots, void** gradients, int32_t count, int32_t retain, int32_t create, int32_t allow_unused, void** inputs, int32_t input_count, void** results) {
    return guard([&] {
        auto found = torch::autograd::grad(borrow_all(roots, count), borrow_all(inputs, input_count),
            gradients ? borrow_all(gradients, count) : variable_list(), retain != 0, create != 0, allow_unused != 0);
        for (int32_t i = 0; i < input_count; i++) results[i] = give(found[i]);
    });
}

TT_API Status tt_accumulated_hook(void* handle, HookCallback callback, ReleaseCallback release, void* context, void** keep_alive) {
    return guard([&] {
        auto tensor = borrow(handle);
        TORCH_CHECK(tensor.requires_grad() && tensor.is_leaf(), "only a leaf that needs a gradient accumulates one");
        auto accumulator = torch::autograd::impl::grad_accumulator(tensor);
        accumulator->add_post_hook(std::make_unique<AccumulatedHook>(callback, release, context, tensor));
        // The tensor holds its accumulator weakly; whoever wants the hook keeps this.
        *keep_alive = new std::shared_ptr<torch::autograd::Node>(accumulator);
    });
}

TT_API Status tt_accumulated_hook_remove(void* keep_alive) {
    return guard([&] { delete static_cast<std::shared_ptr<torch::autograd::Node>*>(keep_alive); });
}

// Ties outputs that were computed without recording to inputs by a backward in managed code.
TT_API Status tt_function(void** inputs, int32_t input_count, void** outputs, int32_t output_count, BackwardCallback backward, ReleaseCallback release, void* context) {
    return guard([&] {
        auto node = std::shared_ptr<ManagedFunction>(
            new ManagedFunction(backward, release, context, input_count), torch::autograd::deleteNode);
        auto given = borrow_all(inputs, input_count);
        node->set_next_edges(torch::autograd::collect_next_edges(given));
        for (int32_t i = 0; i < output_count; i++) {
            auto output = borrow(outputs[i]);
            torch::autograd::set_history(output, node);
        }
    });
}
