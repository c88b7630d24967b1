using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using PlainTorchSharp;
using TorchSharp;

// Training steps in TorchSharp's own operators, without any kernel of this project: what a user's code reaches on the same libtorch.
// Usage: PlainTorchSharp train-s|train-m bf16|fp32 SECONDS. Prints one line of name=value, as Benchmarks does.
if (args is not [var row and ("train-s" or "train-m"), var precision and ("bf16" or "fp32"), var text] || !double.TryParse(text, CultureInfo.InvariantCulture, out var seconds))
{
    Console.Error.WriteLine("usage: PlainTorchSharp train-s|train-m bf16|fp32 SECONDS");
    return 2;
}
// Freed memory stays in the process: large tensors would be mapped and cleared by the system again in every step.
const int trimThreshold = -1, mmapThreshold = -3, gigabyte = 1 << 30;
if (OperatingSystem.IsLinux()) _ = (mallopt(trimThreshold, gigabyte), mallopt(mmapThreshold, gigabyte));
torch.set_num_threads(Environment.ProcessorCount);
var (shape, rows) = row == "train-s" ? (new Shape(65, Layers: 4, Heads: 4, Width: 128, Context: 64), 12) : (new Shape(65, Layers: 6, Heads: 6, Width: 384, Context: 256), 16);
var training = new PlainTraining(shape, rows, precision == "bf16" ? torch.ScalarType.BFloat16 : torch.ScalarType.Float32);
var (loss, times) = training.Run(seconds);
double tokens = rows * shape.Context;
Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
    $"value={tokens / times[times.Count / 2]:G6} low={tokens / times[3 * times.Count / 4]:G6} high={tokens / times[times.Count / 4]:G6} peak={Process.GetCurrentProcess().PeakWorkingSet64} parameters={training.Parameters} loss={loss:G6}"));
return 0;

[DllImport("libc")]
static extern int mallopt(int parameter, int value);
