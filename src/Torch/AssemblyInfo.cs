using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Torch.Tests")]
[assembly: InternalsVisibleTo("Benchmarks")]
