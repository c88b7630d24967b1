using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Arithmetic with a tensor or a number.
        static readonly Op add_op = Op.Find("aten::add", "Tensor");
        public Tensor add(Tensor target) => add_op.Call(this, target);
        public Tensor add(Tensor target, Scalar alpha) => add_op.Call(this, target, alpha);
        static readonly Op add_in_op = Op.Find("aten::add_", "Tensor");
        public Tensor add_(Tensor target) => add_in_op.CallInPlace(this, target);
        public Tensor add_(Tensor target, Scalar alpha) => add_in_op.CallInPlace(this, target, alpha);
        static readonly Op add_scalar_op = Op.Find("aten::add", "Scalar");
        public Tensor add(Scalar scalar) => add_scalar_op.Call(this, scalar);
        public Tensor add(Scalar scalar, Scalar alpha) => add_scalar_op.Call(this, scalar, alpha);
        static readonly Op add_scalar_in_op = Op.Find("aten::add_", "Scalar");
        public Tensor add_(Scalar scalar) => add_scalar_in_op.CallInPlace(this, scalar);
        public Tensor add_(Scalar scalar, Scalar alpha) => add_scalar_in_op.CallInPlace(this, scalar, alpha);
        static readonly Op sub_op = Op.Find("aten::sub", "Tensor"); public Tensor sub(Tensor target) => sub_op.Call(this, target);
        static readonly Op sub_in_op = Op.Find("aten::sub_", "Tensor"); public Tensor sub_(Tensor target) => sub_in_op.CallInPlace(this, target);
        static readonly Op sub_scalar_op = Op.Find("aten::sub", "Scalar"); public Tensor sub(Scalar target) => sub_scalar_op.Call(this, target);
        static readonly Op sub_scalar_in_op = Op.Find("aten::sub_", "Scalar"); public Tensor sub_(Scalar target) => sub_scalar_in_op.CallInPlace(this, target);
        static readonly Op mul_op = Op.Find("aten::mul", "Tensor"); public Tensor mul(Tensor target) => mul_op.Call(this, target);
        static readonly Op mul_in_op = Op.Find("aten::mul_", "Tensor"); public Tensor mul_(Tensor target) => mul_in_op.CallInPlace(this, target);
        static readonly Op mul_scalar_op = Op.Find("aten::mul", "Scalar"); public Tensor mul(Scalar target) => mul_scalar_op.Call(this, target);
        static readonly Op mul_scalar_in_op = Op.Find("aten::mul_", "Scalar"); public Tensor mul_(Scalar target) => mul_scalar_in_op.CallInPlace(this, target);
        static readonly Op subtract_op = Op.Find("aten::subtract", "Tensor"); public Tensor subtract(Tensor target) => subtract_op.Call(this, target);
        static readonly Op subtract_in_op = Op.Find("aten::subtract_", "Tensor"); public Tensor subtract_(Tensor target) => subtract_in_op.CallInPlace(this, target);
        static readonly Op subtract_scalar_op = Op.Find("aten::subtract", "Scalar"); public Tensor subtract(Scalar target) => subtract_scalar_op.Call(this, target);
        static readonly Op subtract_scalar_in_op = Op.Find("aten::subtract_", "Scalar"); public Tensor subtract_(Scalar target) => subtract_scalar_in_op.CallInPlace(this, target);
        static readonly Op multiply_op = Op.Find("aten::multiply", "Tensor"); public Tensor multiply(Tensor target) => multiply_op.Call(this, target);
        static readonly Op multiply_scalar_op = Op.Find("aten::multiply", "Scalar"); public Tensor multiply(Scalar target) => multiply_scalar_op.Call(this, target);
        static readonly Op pow_op = Op.Find("aten::pow", "Tensor_Tensor"); public Tensor pow(Tensor exponent) => pow_op.Call(this, exponent);
        static readonly Op pow_in_op = Op.Find("aten::pow_", "Tensor"); public Tensor pow_(Tensor exponent) => pow_in_op.CallInPlace(this, exponent);
        static readonly Op pow_scalar_op = Op.Find("aten::pow", "Tensor_Scalar"); public Tensor pow(Scalar exponent) => pow_scalar_op.Call(this, exponent);
        static readonly Op pow_scalar_in_op = Op.Find("aten::pow_", "Scalar"); public Tensor pow_(Scalar exponent) => pow_scalar_in_op.CallInPlace(this, exponent);
        static readonly Op rsub_op = Op.Find("aten::rsub", "Scalar");
        static string? Mode(RoundingMode mode) => mode == RoundingMode.None ? null : mode.ToString();
        static readonly Op div_op = Op.Find("aten::div", "Tensor_mode");
        public Tensor div(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => div_op.Call(this, target, Mode(rounding_mode));
        static readonly Op div_in_op = Op.Find("aten::div_", "Tensor_mode");
        public Tensor div_(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => div_in_op.CallInPlace(this, target, Mode(rounding_mode));
        static readonly Op div_scalar_op = Op.Find("aten::div", "Scalar_mode");
        public Tensor div(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => div_scalar_op.Call(this, target, Mode(rounding_mode));
        static readonly Op div_scalar_in_op = Op.Find("aten::div_", "Scalar_mode");
        public Tensor div_(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => div_scalar_in_op.CallInPlace(this, target, Mode(rounding_mode));
        public Tensor divide(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => div(target, rounding_mode);
        public Tensor divide(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => div(target, rounding_mode);
        public Tensor divide_(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => div_(target, rounding_mode);
        public Tensor divide_(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => div_(target, rounding_mode);
        public Tensor true_divide(Tensor other) => div(other);
        public Tensor true_divide(Scalar other) => div(other);
        public Tensor true_divide_(Tensor other) => div_(other);
        public Tensor true_divide_(Scalar other) => div_(other);
        public Tensor floor_divide(Tensor other) => div(other, RoundingMode.floor);
        public Tensor floor_divide(Scalar other) => div(other, RoundingMode.floor);
        public Tensor floor_divide_(Tensor other) => div_(other, RoundingMode.floor);
        public Tensor floor_divide_(Scalar other) => div_(other, RoundingMode.floor);
        // The list names the operand after its kind in these two.
        static readonly Op fmod_op = Op.Find("aten::fmod", "Tensor"); public Tensor fmod(Tensor target) => fmod_op.Call(this, target);
        static readonly Op fmod_in_op = Op.Find("aten::fmod_", "Tensor"); public Tensor fmod_(Tensor target) => fmod_in_op.CallInPlace(this, target);
        static readonly Op fmod_scalar_op = Op.Find("aten::fmod", "Scalar"); public Tensor fmod(Scalar scalar) => fmod_scalar_op.Call(this, scalar);
        static readonly Op fmod_scalar_in_op = Op.Find("aten::fmod_", "Scalar"); public Tensor fmod_(Scalar scalar) => fmod_scalar_in_op.CallInPlace(this, scalar);
        static readonly Op remainder_op = Op.Find("aten::remainder", "Tensor"); public Tensor remainder(Tensor target) => remainder_op.Call(this, target);
        static readonly Op remainder_in_op = Op.Find("aten::remainder_", "Tensor"); public Tensor remainder_(Tensor target) => remainder_in_op.CallInPlace(this, target);
        static readonly Op remainder_scalar_op = Op.Find("aten::remainder", "Scalar"); public Tensor remainder(Scalar scalar) => remainder_scalar_op.Call(this, scalar);
        static readonly Op remainder_scalar_in_op = Op.Find("aten::remainder_", "Scalar"); public Tensor remainder_(Scalar scalar) => remainder_scalar_in_op.CallInPlace(this, scalar);
        // Two tensors, one result each.
        static readonly Op maximum_op = Op.Find("aten::maximum"); public Tensor maximum(Tensor other) => maximum_op.Call(this, other);
        static readonly Op minimum_op = Op.Find("aten::minimum"); public Tensor minimum(Tensor other) => minimum_op.Call(this, other);
        static readonly Op fmax_op = Op.Find("aten::fmax"); public Tensor fmax(Tensor other) => fmax_op.Call(this, other);
        static readonly Op fmin_op = Op.Find("aten::fmin"); public Tensor fmin(Tensor other) => fmin_op.Call(this, other);
        static readonly Op arctan2_op = Op.Find("aten::arctan2"); public Tensor arctan2(Tensor other) => arctan2_op.Call(this, other);
        static readonly Op arctan2_in_op = Op.Find("aten::arctan2_"); public Tensor arctan2_(Tensor other) => arctan2_in_op.CallInPlace(this, other);
        static readonly Op logaddexp_op = Op.Find("aten::logaddexp"); public Tensor logaddexp(Tensor other) => logaddexp_op.Call(this, other);
        static readonly Op logaddexp2_op = Op.Find("aten::logaddexp2"); public Tensor logaddexp2(Tensor other) => logaddexp2_op.Call(this, other);
        static readonly Op hypot_op = Op.Find("aten::hypot"); public Tensor hypot(Tensor other) => hypot_op.Call(this, other);
        static readonly Op nextafter_op = Op.Find("aten::nextafter"); public Tensor nextafter(Tensor other) => nextafter_op.Call(this, other);
        static readonly Op nextafter_in_op = Op.Find("aten::nextafter_"); public Tensor nextafter_(Tensor other) => nextafter_in_op.CallInPlace(this, other);
        static readonly Op heaviside_op = Op.Find("aten::heaviside"); public Tensor heaviside(Tensor other) => heaviside_op.Call(this, other);
        static readonly Op heaviside_in_op = Op.Find("aten::heaviside_"); public Tensor heaviside_(Tensor other) => heaviside_in_op.CallInPlace(this, other);
        static readonly Op gcd_op = Op.Find("aten::gcd"); public Tensor gcd(Tensor other) => gcd_op.Call(this, other);
        static readonly Op gcd_in_op = Op.Find("aten::gcd_"); public Tensor gcd_(Tensor other) => gcd_in_op.CallInPlace(this, other);
        static readonly Op lcm_op = Op.Find("aten::lcm"); public Tensor lcm(Tensor other) => lcm_op.Call(this, other);
        static readonly Op lcm_in_op = Op.Find("aten::lcm_"); public Tensor lcm_(Tensor other) => lcm_in_op.CallInPlace(this, other);
        static readonly Op atan2_op = Op.Find("aten::atan2"); public Tensor atan2(Tensor other) => atan2_op.Call(this, other);
        static readonly Op atan2_in_op = Op.Find("aten::atan2_"); public Tensor atan2_(Tensor other) => atan2_in_op.CallInPlace(this, other);
        static readonly Op copysign_op = Op.Find("aten::copysign", "Tensor"); public Tensor copysign(Tensor other) => copysign_op.Call(this, other);
        static readonly Op copysign_in_op = Op.Find("aten::copysign_", "Tensor"); public Tensor copysign_(Tensor other) => copysign_in_op.CallInPlace(this, other);
        static readonly Op ldexp_op = Op.Find("aten::ldexp", "Tensor"); public Tensor ldexp(Tensor other) => ldexp_op.Call(this, other);
        static readonly Op ldexp_in_op = Op.Find("aten::ldexp_"); public Tensor ldexp_(Tensor other) => ldexp_in_op.CallInPlace(this, other);
        static readonly Op xlogy_op = Op.Find("aten::xlogy", "Tensor"); public Tensor xlogy(Tensor y) => xlogy_op.Call(this, y);
        static readonly Op xlogy_scalar_op = Op.Find("aten::xlogy", "Scalar_Other"); public Tensor xlogy(Scalar y) => xlogy_scalar_op.Call(this, y);
        static readonly Op float_power_op = Op.Find("aten::float_power", "Tensor_Tensor"); public Tensor float_power(Tensor target) => float_power_op.Call(this, target);
        static readonly Op lerp_op = Op.Find("aten::lerp", "Tensor"); public Tensor lerp(Tensor end, Tensor weight) => lerp_op.Call(this, end, weight);
        static readonly Op lerp_in_op = Op.Find("aten::lerp_", "Tensor"); public Tensor lerp_(Tensor end, Tensor weight) => lerp_in_op.CallInPlace(this, end, weight);
        static readonly Op addcmul_op = Op.Find("aten::addcmul");
        public Tensor addcmul(Tensor tensor1, Tensor tensor2, Scalar value) => addcmul_op.Call(this, tensor1, tensor2, value);
        static readonly Op addcmul_in_op = Op.Find("aten::addcmul_");
        public Tensor addcmul_(Tensor tensor1, Tensor tensor2, Scalar value) => addcmul_in_op.CallInPlace(this, tensor1, tensor2, value);
        static readonly Op addcdiv_op = Op.Find("aten::addcdiv");
        public Tensor addcdiv(Tensor tensor1, Tensor tensor2) => addcdiv_op.Call(this, tensor1, tensor2);
        public Tensor addcdiv(Tensor tensor1, Tensor tensor2, Scalar value) => addcdiv_op.Call(this, tensor1, tensor2, value);
        static readonly Op addcdiv_in_op = Op.Find("aten::addcdiv_");
        public Tensor addcdiv_(Tensor tensor1, Tensor tensor2) => addcdiv_in_op.CallInPlace(this, tensor1, tensor2);
        public Tensor addcdiv_(Tensor tensor1, Tensor tensor2, Scalar value) => addcdiv_in_op.CallInPlace(this, tensor1, tensor2, value);
    }
}
