using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        static readonly Op matmul_op = Op.Find("aten::matmul"); public Tensor matmul(Tensor target) => matmul_op.Call(this, target);
        static readonly Op mm_op = Op.Find("aten::mm"); public Tensor mm(Tensor target) => mm_op.Call(this, target);
        static readonly Op bmm_op = Op.Find("aten::bmm"); public Tensor bmm(Tensor batch2) => bmm_op.Call(this, batch2);
        static readonly Op mv_op = Op.Find("aten::mv"); public Tensor mv(Tensor target) => mv_op.Call(this, target);
        static readonly Op dot_op = Op.Find("aten::dot"); public Tensor dot(Tensor target) => dot_op.Call(this, target);
        static readonly Op vdot_op = Op.Find("aten::vdot"); public Tensor vdot(Tensor target) => vdot_op.Call(this, target);
        static readonly Op inner_op = Op.Find("aten::inner"); public Tensor inner(Tensor vec2) => inner_op.Call(this, vec2);
        static readonly Op outer_op = Op.Find("aten::outer"); public Tensor outer(Tensor vec2) => outer_op.Call(this, vec2);
        public Tensor ger(Tensor vec2) => outer(vec2);
        static readonly Op kron_op = Op.Find("aten::kron"); public Tensor kron(Tensor other) => kron_op.Call(this, other);
        static readonly Op addmm_op = Op.Find("aten::addmm");
        public Tensor addmm(Tensor mat1, Tensor mat2, float beta = 1f, float alpha = 1f) => addmm_op.Call(this, mat1, mat2, beta, alpha);
        static readonly Op addmm_in_op = Op.Find("aten::addmm_");
        public Tensor addmm_(Tensor mat1, Tensor mat2, float beta = 1f, float alpha = 1f) => addmm_in_op.CallInPlace(this, mat1, mat2, beta, alpha);
        static readonly Op addbmm_op = Op.Find("aten::addbmm");
        public Tensor addbmm(Tensor batch1, Tensor batch2, float beta = 1f, float alpha = 1f) => addbmm_op.Call(this, batch1, batch2, beta, alpha);
        static readonly Op baddbmm_op = Op.Find("aten::baddbmm");
        public Tensor baddbmm(Tensor batch1, Tensor batch2, float beta = 1f, float alpha = 1f) => baddbmm_op.Call(this, batch1, batch2, beta, alpha);
        static readonly Op addmv_op = Op.Find("aten::addmv");
        public Tensor addmv(Tensor mat, Tensor vec, float beta = 1f, float alpha = 1f) => addmv_op.Call(this, mat, vec, beta, alpha);
        static readonly Op addr_op = Op.Find("aten::addr");
        public Tensor addr(Tensor vec1, Tensor vec2, float beta = 1f, float alpha = 1f) => addr_op.Call(this, vec1, vec2, beta, alpha);
        static readonly Op tensordot_op = Op.Find("aten::tensordot");
        public Tensor tensordot(Tensor b, long[] dims1, long[] dims2) => tensordot_op.Call(this, b, dims1, dims2);
        public Tensor tensordot(Tensor b, (long, long)[] dims) =>
            tensordot(b, dims.Select(pair => pair.Item1).ToArray(), dims.Select(pair => pair.Item2).ToArray());
        public Tensor tensordot(Tensor b, long dims = 2) =>
            tensordot(b, Enumerable.Range(0, (int)dims).Select(i => ndim - dims + i).ToArray(), Enumerable.Range(0, (int)dims).Select(i => (long)i).ToArray());
        static readonly Op trace_op = Op.Find("aten::trace"); public Tensor trace() => trace_op.Call(this);
        static readonly Op det_op = Op.Find("aten::det"); public Tensor det() => det_op.Call(this);
        static readonly Op logdet_op = Op.Find("aten::logdet"); public Tensor logdet() => logdet_op.Call(this);
        static readonly Op inverse_op = Op.Find("aten::inverse"); public Tensor inverse() => inverse_op.Call(this);
        static readonly Op matrix_exp_op = Op.Find("aten::matrix_exp"); public Tensor matrix_exp() => matrix_exp_op.Call(this);
        static readonly Op matrix_power_op = Op.Find("aten::matrix_power"); public Tensor matrix_power(int n) => matrix_power_op.Call(this, n);
        static readonly Op renorm_op = Op.Find("aten::renorm"); public Tensor renorm(float p, long dim, float maxnorm) => renorm_op.Call(this, p, dim, maxnorm);
        static readonly Op vander_op = Op.Find("aten::vander"); public Tensor vander(long N = -1, bool increasing = false) => vander_op.Call(this, N < 0 ? null : (long?)N, increasing);
    }
}
