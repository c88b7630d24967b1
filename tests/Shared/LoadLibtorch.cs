using System.Runtime.CompilerServices;
using Transformers.Native;

namespace Transformers.Tests;

/// <summary>Loads libtorch before the first test: TorchSharp would load whatever it finds first.</summary>
static class LoadLibtorch
{
    [ModuleInitializer]
    internal static void Load() => NativeLibraries.Load();
}
