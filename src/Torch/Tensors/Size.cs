using System.Collections;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>The lengths of a tensor's dimensions.</summary>
    public struct Size : IEnumerable<long>
    {
        readonly long[]? lengths;

        public Size(long[] shape) => lengths = [.. shape];
        public Size(int[] shape) => lengths = Array.ConvertAll(shape, length => (long)length);
        public Size(IEnumerable<long> shape) => lengths = [.. shape];
        public Size(long size) => lengths = [size];
        public Size(int size) => lengths = [size];
        public Size((long, long) size) => lengths = [size.Item1, size.Item2];
        public Size((long, long, long) size) => lengths = [size.Item1, size.Item2, size.Item3];
        public Size((long, long, long, long) size) => lengths = [size.Item1, size.Item2, size.Item3, size.Item4];

        public static Size Empty = new(Array.Empty<long>());

        public long[] Shape => lengths ?? [];
        public int Length => Shape.Length;
        public bool IsEmpty => Length == 0;
        public bool IsScalar => Length == 0;
        public long this[int idx] => Shape[idx];
        public long this[long idx] => Shape[idx];
        public long numel() => Shape.Aggregate(1L, (product, length) => product * length);
        public Size Slice(int first, int next) => new(Shape[first..next]);
        public IEnumerable<long> Take(int i) => Shape.Take(i);

        public static implicit operator Size(long size) => new(size);
        public static implicit operator Size(long[] size) => new(size);
        public static implicit operator Size((long, long) size) => new(size);
        public static implicit operator Size((long, long, long) size) => new(size);
        public static implicit operator Size((long, long, long, long) size) => new(size);
        public static Size operator +(Size left, Size right) => new([.. left.Shape, .. right.Shape]);
        public static Size operator +(Size left, IEnumerable<long> right) => new([.. left.Shape, .. right]);
        public static bool operator ==(Size left, Size right) => left.Shape.AsSpan().SequenceEqual(right.Shape);
        public static bool operator !=(Size left, Size right) => !(left == right);
        public override bool Equals(object? obj) => obj is Size other && this == other;

        public override int GetHashCode()
        {
            var hash = new HashCode();
            foreach (var length in Shape) hash.Add(length);
            return hash.ToHashCode();
        }

        public IEnumerator<long> GetEnumerator() => ((IEnumerable<long>)Shape).GetEnumerator();
        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
