// Boxed dispatch: every operator of libtorch, and our own, through one function.
#include "abi.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/jit_type.h>

using namespace tt;

namespace {

// What an operator's schema asks of an argument, decided once.
enum class Wants { Any, Tensor, Float, Scalar, Int, Bool, IntList, FloatList, TensorList, OptionalTensorList, BoolList };

struct Argument {
    Wants wants;
    bool optional;
    c10::IValue fallback;
    bool has_fallback;
    std::string name;
};

struct Operator {
    c10::OperatorHandle handle;
    std::vector<Argument> arguments;
    std::string name;
};

Wants classify(const c10::TypePtr& type) {
    switch (type->kind()) {
        case c10::TypeKind::TensorType: return Wants::Tensor;
        case c10::TypeKind::FloatType: return Wants::Float;
        case c10::TypeKind::NumberType: return Wants::Scalar;
        case c10::TypeKind::IntType: return Wants::Int;
        case c10::TypeKind::BoolType: return Wants::Bool;
        case c10::TypeKind::ListType: {
            auto element = type->expectRef<c10::ListType>().getElementType();
            switch (element->kind()) {
                case c10::TypeKind::TensorType: return Wants::TensorList;
                case c10::TypeKind::OptionalType: return Wants::OptionalTensorList;
                case c10::TypeKind::FloatType: return Wants::FloatList;
                case c10::TypeKind::BoolType: return Wants::BoolList;
                default: return Wants::IntList;
            }
        }
        default: return Wants::Any;
    }
}

Argument describe(const c10::Argument& argument) {
    auto type = argument.type();
    bool optional = type->kind() == c10::TypeKind::OptionalType;
    if (optional) type = type->expectRef<c10::OptionalType>().getElementType();
    auto fallback = argument.default_value();
    return {classify(type), optional, fallback ? *fallback : c10::IValue(), fallback.has_value(), argument.name()};
}

c10::IValue list_of_tensors(const Value& value, bool optional_entries) {
    auto** handles = static_cast<void**>(value.p);
    if (optional_entries) {
        c10::List<c10::optional<at::Tensor>> list;
        list.reserve(value.count);
        for (int32_t i = 0; i < value.count; i++)
            list.push_back(handles[i] ? c10::optional<at::Tensor>(borrow(handles[i])) : c10::nullopt);
        return list;
    }
    c10::List<at::Tensor> list;
    list.reserve(value.count);
    for (int32_t i = 0; i < value.count; i++) list.push_back(borrow(handles[i]));
    return list;
}

c10::IValue list_of_ints(const Value& value, Wants wants) {
    auto* items = static_cast<const int64_t*>(value.p);
    if (wants == Wants::FloatList) {
        c10::List<double> list;
        for (int32_t i = 0; i < value.count; i++) list.push_back(static_cast<double>(items[i]));
        return list;
    }
    c10::List<int64_t> list;
    list.reserve(value.count);
    for (int32_t i = 0; i < value.count; i++) list.push_back(items[i]);
    return list;
}

template <class T>
c10::IValue list_of(const Value& value) {
    auto* items = static_cast<const T*>(value.p);
    c10::List<T> list;
    list.reserve(value.count);
    for (int32_t i = 0; i < value.count; i++) list.push_back(items[i]);
    return list;
}

c10::IValue convert(const Value& value, const Argument& argument) {
    switch (value.tag) {
        case kNone:
            // An absent tensor is an undefined one where the schema has no Optional.
            if (argument.wants == Wants::Tensor && !argument.optional) return at::Tensor();
            return c10::IValue();
        case kDefault:
            TORCH_CHECK(argument.has_fallback, "argument '", argument.name, "' has no default");
            return argument.fallback;
        case kTensor: return borrow(value.p);
        case kInt:
            if (argument.wants == Wants::Float) return static_cast<double>(value.i);
            if (argument.wants == Wants::Bool) return value.i != 0;
            // One number for a list, as in sum(dim) or stride=2.
            if (argument.wants == Wants::IntList) return c10::List<int64_t>({value.i});
            return value.i;
        case kDouble: return value.d;
        case kBool:
            if (argument.wants == Wants::Int) return static_cast<int64_t>(value.i);
            return value.i != 0;
        case kString: return std::string(static_cast<const char*>(value.p), value.count);
        case kIntList: return list_of_ints(value, argument.wants);
        case kDoubleList: return list_of<double>(value);
        case kBoolList: return list_of<bool>(value);
        case kTensorList: return list_of_tensors(value, argument.wants == Wants::OptionalTensorList);
        case kDevice: return device_of(value.i);
        case kGenerator: return *static_cast<at::Generator*>(value.p);
        default: TORCH_CHECK(false, "argument '", argument.name, "' has the unknown tag ", value.tag);
    }
}

// Writes a result; a list of tensors is flattened.
void put(c10::IValue&& result, Value* results, int32_t capacity, int32_t& count) {
    if (result.isTensorList()) {
        for (at::Tensor tensor : result.toTensorList()) put(std::move(tensor), results, capacity, count);
        return;
    }
    TORCH_CHECK(count < capacity, "an operator returned more than ", capacity, " results");
    Value& value = results[count++];
    value.count = 0;
    if (result.isTensor()) {
        value.tag = kTensor;
        value.p = give(std::move(result).toTensor());
    } else if (result.isInt()) {
        value.tag = kInt;
        value.i = result.toInt();
    } else if (result.isDouble()) {
        value.tag = kDouble;
        value.d = result.toDouble();
    } else if (result.isBool()) {
        value.tag = kBool;
        value.i = result.toBool();
    } else if (result.isNone()) {
        value.tag = kNone;
        value.i = 0;
    } else {
        TORCH_CHECK(false, "an operator returned a ", result.tagKind(), ", which the shim does not carry");
    }
}

}  // namespace

TT_API Status tt_op_find(const char* name, const char* overload, void** handle) {
    return guard([&] {
        auto found = c10::Dispatcher::singleton().findSchema({name, overload});
        if (!found) throw NotFound(std::string("this libtorch has no operator ") + name + (*overload ? "." : "") + overload);
        auto* op = new Operator{*found, {}, name};
        for (const auto& argument : found->schema().arguments()) op->arguments.push_back(describe(argument));
        *handle = op;  // Operators live as long as the process.
    });
}

TT_API Status tt_op_call(void* handle, const Value* values, int32_t count, Value* results, int32_t capacity, int32_t* result_count) {
    return guard([&] {
        auto& op = *static_cast<Operator*>(handle);
        TORCH_CHECK(count <= static_cast<int32_t>(op.arguments.size()), op.name, " takes at most ", op.arguments.size(), " arguments, not ", count);
        torch::jit::Stack stack;
        stack.reserve(op.arguments.size());
        for (int32_t i = 0; i < count; i++) stack.push_back(convert(values[i], op.arguments[i]));
        for (size_t i = count; i < op.arguments.size(); i++) {
            TORCH_CHECK(op.arguments[i].has_fallback || op.arguments[i].optional, op.name, " needs argument '", op.arguments[i].name, "'");
            stack.push_back(op.arguments[i].fallback);
        }
        op.handle.callBoxed(&stack);
        *result_count = 0;
        for (auto& result : stack) put(std::move(result), results, capacity, *result_count);
    });
}

// The operator's schema as text, for messages and for the generator of documentation.
TT_API Status tt_op_schema(void* handle, char** text) {
    return guard([&] {
        std::ostringstream schema;
        schema << static_cast<Operator*>(handle)->handle.schema();
        *text = failure(kOk, schema.str().c_str()).message;
    });
}
