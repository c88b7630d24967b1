using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Comparison with a tensor or a number: tensors of bool, or 0 and 1 written in place.
        static readonly Op eq_op = Op.Find("aten::eq", "Tensor"); public Tensor eq(Tensor target) => eq_op.Call(this, target);
        static readonly Op eq_in_op = Op.Find("aten::eq_", "Tensor"); public Tensor eq_(Tensor target) => eq_in_op.CallInPlace(this, target);
        static readonly Op eq_scalar_op = Op.Find("aten::eq", "Scalar"); public Tensor eq(Scalar target) => eq_scalar_op.Call(this, target);
        static readonly Op eq_scalar_in_op = Op.Find("aten::eq_", "Scalar"); public Tensor eq_(Scalar target) => eq_scalar_in_op.CallInPlace(this, target);
        static readonly Op ne_op = Op.Find("aten::ne", "Tensor"); public Tensor ne(Tensor target) => ne_op.Call(this, target);
        static readonly Op ne_in_op = Op.Find("aten::ne_", "Tensor"); public Tensor ne_(Tensor target) => ne_in_op.CallInPlace(this, target);
        static readonly Op ne_scalar_op = Op.Find("aten::ne", "Scalar"); public Tensor ne(Scalar target) => ne_scalar_op.Call(this, target);
        static readonly Op ne_scalar_in_op = Op.Find("aten::ne_", "Scalar"); public Tensor ne_(Scalar target) => ne_scalar_in_op.CallInPlace(this, target);
        static readonly Op lt_op = Op.Find("aten::lt", "Tensor"); public Tensor lt(Tensor target) => lt_op.Call(this, target);
        static readonly Op lt_in_op = Op.Find("aten::lt_", "Tensor"); public Tensor lt_(Tensor target) => lt_in_op.CallInPlace(this, target);
        static readonly Op lt_scalar_op = Op.Find("aten::lt", "Scalar"); public Tensor lt(Scalar target) => lt_scalar_op.Call(this, target);
        static readonly Op lt_scalar_in_op = Op.Find("aten::lt_", "Scalar"); public Tensor lt_(Scalar target) => lt_scalar_in_op.CallInPlace(this, target);
        static readonly Op le_op = Op.Find("aten::le", "Tensor"); public Tensor le(Tensor target) => le_op.Call(this, target);
        static readonly Op le_in_op = Op.Find("aten::le_", "Tensor"); public Tensor le_(Tensor target) => le_in_op.CallInPlace(this, target);
        static readonly Op le_scalar_op = Op.Find("aten::le", "Scalar"); public Tensor le(Scalar target) => le_scalar_op.Call(this, target);
        static readonly Op le_scalar_in_op = Op.Find("aten::le_", "Scalar"); public Tensor le_(Scalar target) => le_scalar_in_op.CallInPlace(this, target);
        static readonly Op gt_op = Op.Find("aten::gt", "Tensor"); public Tensor gt(Tensor target) => gt_op.Call(this, target);
        static readonly Op gt_in_op = Op.Find("aten::gt_", "Tensor"); public Tensor gt_(Tensor target) => gt_in_op.CallInPlace(this, target);
        static readonly Op gt_scalar_op = Op.Find("aten::gt", "Scalar"); public Tensor gt(Scalar target) => gt_scalar_op.Call(this, target);
        static readonly Op gt_scalar_in_op = Op.Find("aten::gt_", "Scalar"); public Tensor gt_(Scalar target) => gt_scalar_in_op.CallInPlace(this, target);
        static readonly Op ge_op = Op.Find("aten::ge", "Tensor"); public Tensor ge(Tensor target) => ge_op.Call(this, target);
        static readonly Op ge_in_op = Op.Find("aten::ge_", "Tensor"); public Tensor ge_(Tensor target) => ge_in_op.CallInPlace(this, target);
        static readonly Op ge_scalar_op = Op.Find("aten::ge", "Scalar"); public Tensor ge(Scalar target) => ge_scalar_op.Call(this, target);
        static readonly Op ge_scalar_in_op = Op.Find("aten::ge_", "Scalar"); public Tensor ge_(Scalar target) => ge_scalar_in_op.CallInPlace(this, target);
        static readonly Op greater_op = Op.Find("aten::greater", "Tensor"); public Tensor greater(Tensor target) => greater_op.Call(this, target);
        static readonly Op greater_equal_op = Op.Find("aten::greater_equal", "Tensor"); public Tensor greater_equal(Tensor target) => greater_equal_op.Call(this, target);
        static readonly Op less_op = Op.Find("aten::less", "Tensor"); public Tensor less(Tensor target) => less_op.Call(this, target);
        static readonly Op not_equal_op = Op.Find("aten::not_equal", "Tensor"); public Tensor not_equal(Tensor target) => not_equal_op.Call(this, target);
        static readonly Op not_equal_in_op = Op.Find("aten::not_equal_", "Tensor"); public Tensor not_equal_(Tensor target) => not_equal_in_op.CallInPlace(this, target);
        static readonly Op less_equal_op = Op.Find("aten::less_equal", "Tensor"); public Tensor less_equal(Tensor target) => less_equal_op.Call(this, target);
        static readonly Op less_equal_in_op = Op.Find("aten::less_equal_", "Tensor"); public Tensor less_equal_(Tensor target) => less_equal_in_op.CallInPlace(this, target);
        // Logic and bits.
        static readonly Op logical_not_op = Op.Find("aten::logical_not"); public Tensor logical_not() => logical_not_op.Call(this);
        static readonly Op logical_not_in_op = Op.Find("aten::logical_not_"); public Tensor logical_not_() => logical_not_in_op.CallInPlace(this);
        static readonly Op bitwise_not_op = Op.Find("aten::bitwise_not"); public Tensor bitwise_not() => bitwise_not_op.Call(this);
        static readonly Op bitwise_not_in_op = Op.Find("aten::bitwise_not_"); public Tensor bitwise_not_() => bitwise_not_in_op.CallInPlace(this);
        static readonly Op logical_and_op = Op.Find("aten::logical_and"); public Tensor logical_and(Tensor other) => logical_and_op.Call(this, other);
        static readonly Op logical_and_in_op = Op.Find("aten::logical_and_"); public Tensor logical_and_(Tensor other) => logical_and_in_op.CallInPlace(this, other);
        static readonly Op logical_or_op = Op.Find("aten::logical_or"); public Tensor logical_or(Tensor other) => logical_or_op.Call(this, other);
        static readonly Op logical_or_in_op = Op.Find("aten::logical_or_"); public Tensor logical_or_(Tensor other) => logical_or_in_op.CallInPlace(this, other);
        static readonly Op logical_xor_op = Op.Find("aten::logical_xor"); public Tensor logical_xor(Tensor other) => logical_xor_op.Call(this, other);
        static readonly Op logical_xor_in_op = Op.Find("aten::logical_xor_"); public Tensor logical_xor_(Tensor other) => logical_xor_in_op.CallInPlace(this, other);
        static readonly Op bitwise_and_op = Op.Find("aten::bitwise_and", "Tensor"); public Tensor bitwise_and(Tensor other) => bitwise_and_op.Call(this, other);
        static readonly Op bitwise_and_in_op = Op.Find("aten::bitwise_and_", "Tensor"); public Tensor bitwise_and_(Tensor other) => bitwise_and_in_op.CallInPlace(this, other);
        static readonly Op bitwise_or_op = Op.Find("aten::bitwise_or", "Tensor"); public Tensor bitwise_or(Tensor other) => bitwise_or_op.Call(this, other);
        static readonly Op bitwise_or_in_op = Op.Find("aten::bitwise_or_", "Tensor"); public Tensor bitwise_or_(Tensor other) => bitwise_or_in_op.CallInPlace(this, other);
        static readonly Op bitwise_xor_op = Op.Find("aten::bitwise_xor", "Tensor"); public Tensor bitwise_xor(Tensor other) => bitwise_xor_op.Call(this, other);
        static readonly Op bitwise_xor_in_op = Op.Find("aten::bitwise_xor_", "Tensor"); public Tensor bitwise_xor_(Tensor other) => bitwise_xor_in_op.CallInPlace(this, other);
        static readonly Op bitwise_left_shift_op = Op.Find("aten::bitwise_left_shift", "Tensor"); public Tensor bitwise_left_shift(Tensor other) => bitwise_left_shift_op.Call(this, other);
        static readonly Op bitwise_left_shift_in_op = Op.Find("aten::bitwise_left_shift_", "Tensor"); public Tensor bitwise_left_shift_(Tensor other) => bitwise_left_shift_in_op.CallInPlace(this, other);
        static readonly Op bitwise_right_shift_op = Op.Find("aten::bitwise_right_shift", "Tensor"); public Tensor bitwise_right_shift(Tensor other) => bitwise_right_shift_op.Call(this, other);
        static readonly Op bitwise_right_shift_in_op = Op.Find("aten::bitwise_right_shift_", "Tensor"); public Tensor bitwise_right_shift_(Tensor other) => bitwise_right_shift_in_op.CallInPlace(this, other);
        // What kind of number each element is.
        static readonly Op isnan_op = Op.Find("aten::isnan"); public Tensor isnan() => isnan_op.Call(this);
        static readonly Op isinf_op = Op.Find("aten::isinf"); public Tensor isinf() => isinf_op.Call(this);
        static readonly Op isfinite_op = Op.Find("aten::isfinite"); public Tensor isfinite() => isfinite_op.Call(this);
        static readonly Op isneginf_op = Op.Find("aten::isneginf"); public Tensor isneginf() => isneginf_op.Call(this);
        static readonly Op isposinf_op = Op.Find("aten::isposinf"); public Tensor isposinf() => isposinf_op.Call(this);
        static readonly Op isreal_op = Op.Find("aten::isreal"); public Tensor isreal() => isreal_op.Call(this);
        static readonly Op isclose_op = Op.Find("aten::isclose");
        public Tensor isclose(Tensor other, double rtol = 1E-05, double atol = 1E-08, bool nanEqual = false) => isclose_op.Call(this, other, rtol, atol, nanEqual);
        static readonly Op allclose_op = Op.Find("aten::allclose");
        public bool allclose(Tensor target, double rtol = 1E-05, double atol = 1E-08, bool equal_nan = false) => allclose_op.CallBool(this, target, rtol, atol, equal_nan);
        public Tensor equal(Tensor target) => eq(target);
        static readonly Op isin_op = Op.Find("aten::isin", "Tensor_Tensor");
        public Tensor isin(Tensor test_elements, bool assumeUnique = false, bool invert = false) => isin_op.Call(this, test_elements, assumeUnique, invert);
    }
}
