using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Reports.Plots;

/// <summary>Numbers in rows and columns, to be drawn.</summary>
/// <param name="values">Row by row.</param>
/// <param name="columns">Numbers a row.</param>
public sealed class Matrix(double[] values, int columns)
{
    /// <summary>The number of rows.</summary>
    public int Rows => values.Length / columns;

    /// <summary>The number of columns.</summary>
    public int Columns => columns;

    /// <summary>All numbers, row by row.</summary>
    public IReadOnlyList<double> Values => values;

    /// <summary>One number.</summary>
    public double this[int row, int column] => values[row * columns + column];

    /// <summary>A tensor's numbers.</summary>
    /// <param name="tensor">[rows, columns].</param>
    public static Matrix Of(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        var plain = tensor.detach().to(ScalarType.Float64).cpu().contiguous();
        return new Matrix(MemoryMarshal.Cast<byte, double>(plain.bytes).ToArray(), (int)tensor.size(1));
    }

    /// <summary>A matrix by a formula.</summary>
    public static Matrix Of(int rows, int columns, Func<int, int, double> formula) =>
        new([.. Enumerable.Range(0, rows * columns).Select(i => formula(i / columns, i % columns))], columns);

    /// <summary>The dot product of each row with each row, divided by their lengths where asked for.</summary>
    /// <param name="cosine">Whether to divide by the rows' lengths.</param>
    public Matrix DotProducts(bool cosine)
    {
        var products = new double[Rows * Rows];
        for (var a = 0; a < Rows; a++)
            for (var b = 0; b < Rows; b++)
                for (var c = 0; c < columns; c++) products[a * Rows + b] += this[a, c] * this[b, c];
        if (!cosine) return new(products, Rows);
        var lengths = Enumerable.Range(0, Rows).Select(i => Math.Sqrt(products[i * Rows + i])).ToArray();
        for (var i = 0; i < products.Length; i++) products[i] /= Math.Max(1e-30, lengths[i / Rows] * lengths[i % Rows]);
        return new(products, Rows);
    }
}
