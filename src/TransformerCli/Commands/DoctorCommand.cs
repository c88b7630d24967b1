using System.CommandLine;
using System.Runtime.InteropServices;
using TorchSharp;
using Transformers.IO;
using Transformers.IO.Images;
using Transformers.Layers;
using Transformers.Native;
using Transformers.Processes;

namespace TransformerCli.Commands;

/// <summary><c>doctor</c>: what it found on this machine and what it uses, and a remedy for each problem.</summary>
static class DoctorCommand
{
    public static Command Create(CliContext context) => context.Create("doctor", """
        Prints what the program found on this machine and what it uses, and a remedy for each problem.

        Example: transformer doctor --json
        """, [], (parse, _) =>
    {
        var report = Examine();
        context.Print(parse, report, writer => Print(writer, report));
        return report.Problems.Any(problem => problem.Fatal) ? ExitCodes.UserError : ExitCodes.Done;
    });

    static DoctorReport Examine()
    {
        var problems = new List<DoctorProblem>();
        LoadedLibraries engine;
        try
        {
            engine = NativeLibraries.Load(fetch: false);
        }
        catch (EngineMissingException exception)
        {
            foreach (var problem in exception.Problems) problems.Add(new(!exception.WillBeFetched, (problem with { Hint = null }).ToString(), problem.Hint ?? "run scripts/setup"));
            return new DoctorReport { Dotnet = RuntimeInformation.FrameworkDescription, Problems = problems };
        }
        foreach (var failed in engine.Failed)
            problems.Add(new(false, $"{failed.Candidate.Source} in {failed.Candidate.Folder} is not used: {failed.Reason}", failed.Remedy));
        if (KernelReport.Missing is { } missing)
            problems.Add(new(false, missing.Message, missing.Hint!));
        var load = new CoreLoad();
        load.OthersSinceLast();
        Thread.Sleep(200);
        var busy = load.OthersSinceLast();
        if (busy > 0.5)
            problems.Add(new(false, $"other programs keep {busy:F1} of {Environment.ProcessorCount} cores busy: training takes longer", "wait for them, or use fewer threads with --threads"));
        string? codecs = null;
        try
        {
            codecs = ImageCodec.Versions();
        }
        catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException or TypeInitializationException)
        {
            problems.Add(new(false, $"SkiaSharp's native library cannot be loaded: {exception.Message}", "only images and PNG figures need it"));
        }
        return new DoctorReport
        {
            Dotnet = RuntimeInformation.FrameworkDescription,
            Libtorch = engine.Version,
            Source = engine.Source,
            Files = engine.Files,
            CpuCapability = ProcessSettings.Instructions,
            BFloat16 = Precisions.MultipliesBFloat16(torch.CPU),
            Kernels = KernelReport.Path,
            KernelSet = KernelReport.InstructionSet,
            Threads = torch.get_num_threads(),
            BusyCores = busy,
            CudaDevices = engine.HasCuda ? torch.cuda.device_count() : 0,
            ImageCodecs = codecs,
            Mpi = Launch.FindLibraries(),
            Nccl = engine.HasCuda ? NcclLibrary.FindVersion() : null,
            Changes = KernelReport.HasTensorMemory ? [.. engine.Changes, "libtorch allocates tensors of 64 KiB and more from the kernels' pool, which reuses freed blocks"] : engine.Changes,
            Problems = problems,
        };
    }

    static void Print(TextWriter writer, DoctorReport report)
    {
        writer.WriteLine($".NET          {report.Dotnet}");
        if (report.Libtorch is not null)
        {
            writer.WriteLine($"libtorch      {report.Libtorch}, {report.Source}");
            foreach (var file in report.Files ?? []) writer.WriteLine($"loaded        {file}");
            writer.WriteLine($"processor     {report.CpuCapability}, {(report.BFloat16 == true ? "multiplies bfloat16" : "no bfloat16 products")}, {Amount.Of(report.Threads ?? 0, "thread")}");
            writer.WriteLine($"kernels       {(report.Kernels is null ? "none" : $"{report.KernelSet}, {report.Kernels}")}");
            writer.WriteLine($"CUDA devices  {report.CudaDevices}");
            writer.WriteLine($"image codecs  {report.ImageCodecs ?? "none"}");
            writer.WriteLine($"MPI           {(report.Mpi is { Count: > 0 } found ? string.Join(", ", found) : "none: --nproc and mpirun need openmpi-bin or mpich")}");
            if (report.CudaDevices > 1) writer.WriteLine($"NCCL          {report.Nccl ?? "none: several CUDA devices need it (pip install nvidia-nccl-cu12)"}");
            foreach (var change in report.Changes ?? []) writer.WriteLine($"changed       {change}");
        }
        foreach (var problem in report.Problems) writer.WriteLine($"{(problem.Fatal ? "problem" : "note")}: {problem.Message} ({problem.Remedy})");
        if (report.Problems.Count == 0) writer.WriteLine("no problems found");
    }

    sealed record DoctorProblem(bool Fatal, string Message, string Remedy);

    sealed record DoctorReport
    {
        public string Schema { get; init; } = "transformer.doctor/1";
        public string? Dotnet { get; init; }
        public string? Libtorch { get; init; }
        public string? Source { get; init; }
        public IReadOnlyList<string>? Files { get; init; }
        public string? CpuCapability { get; init; }
        public bool? BFloat16 { get; init; }
        public string? Kernels { get; init; }
        public string? KernelSet { get; init; }
        public int? Threads { get; init; }
        public double? BusyCores { get; init; }
        public int? CudaDevices { get; init; }
        public string? ImageCodecs { get; init; }
        public IReadOnlyList<string>? Mpi { get; init; }
        public string? Nccl { get; init; }
        public IReadOnlyList<string>? Changes { get; init; }
        public required IReadOnlyList<DoctorProblem> Problems { get; init; }
    }
}

/// <summary><c>completion</c>: prints a script that makes a shell ask the program's <c>[suggest]</c> directive for completions.</summary>
static class CompletionCommand
{
    // bash splits words at = and replaces only what follows. -o default adds file names where nothing matches.
    const string Bash = """
        # bash completion of transformer. Load it: source <(transformer completion bash)
        _transformer() {
            local IFS=$'\n' cur=${COMP_WORDS[COMP_CWORD]}
            [[ $cur == = ]] && cur=""
            COMPREPLY=($(compgen -W "$("$1" "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)" -- "$cur"))
            [[ $cur != -* ]] && COMPREPLY+=($(compgen -f -- "$cur"))
            [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
        }
        complete -o default -F _transformer transformer

        """;

    const string Zsh = """
        #compdef transformer
        # zsh completion of transformer. Load it: source <(transformer completion zsh), after compinit.
        _transformer() {
            local -a found=("${(@f)$($words[1] "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null)}")
            [[ $PREFIX == --*=* ]] && compset -P '*='
            compadd -S '' -- ${(M)found:#*=}
            compadd -- ${found:#*=}
            [[ $PREFIX != -* ]] && _files
        }
        compdef _transformer transformer

        """;

    const string Fish = """
        # fish completion of transformer. Load it: transformer completion fish | source
        complete -c transformer -a '(set -l line (commandline -cp); transformer "[suggest:"(string length -- $line)"]" $line 2>/dev/null)'

        """;

    const string PowerShell = """
        # PowerShell completion of transformer. Load it: transformer completion pwsh | Out-String | Invoke-Expression
        Register-ArgumentCompleter -Native -CommandName transformer -ScriptBlock {
            param($word, $line, $cursor)
            transformer "[suggest:$cursor]" "$line" 2>$null | Where-Object { $_ -like "$word*" } | ForEach-Object {
                [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
            }
        }

        """;

    public static Command Create(CliContext context)
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh, fish or pwsh", HelpName = "bash|zsh|fish|pwsh", CompletionSources = { "bash", "zsh", "fish", "pwsh" } };
        shell.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: not ("bash" or "zsh" or "fish" or "pwsh") } other]) result.AddError($"SHELL ({other.Value}) must be one of bash, zsh, fish, pwsh");
        });
        return context.Create("completion", """
            Prints a script with which a shell completes commands, options, names of ready-made configs, run folders and settings.

            bash: source <(transformer completion bash) in ~/.bashrc; zsh: the same after compinit in ~/.zshrc;
            fish: transformer completion fish > ~/.config/fish/completions/transformer.fish;
            PowerShell: transformer completion pwsh | Out-String | Invoke-Expression in the profile.

            Example: transformer completion bash > ~/.local/share/bash-completion/completions/transformer
            """, [shell], (parse, _) =>
        {
            var script = parse.GetValue(shell) switch { "bash" => Bash, "zsh" => Zsh, "fish" => Fish, _ => PowerShell };
            return context.Print(parse, new { Schema = "transformer.completion/1", Shell = parse.GetValue(shell), Script = script }, writer => writer.Write(script));
        });
    }
}
