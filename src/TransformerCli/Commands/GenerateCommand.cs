using System.CommandLine;
using System.Diagnostics;
using Transformers.Decoding;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Kinds;
using Transformers.Models;
using Transformers.Native;

namespace TransformerCli.Commands;

/// <summary><c>generate</c>: continues prompts with a trained language model.</summary>
static class GenerateCommand
{
    const int PromptsAtOnce = 32;

    /// <summary>The command.</summary>
    public static Command Create(CliContext context)
    {
        var run = new Argument<string>("RUN") { Description = "A run folder or a checkpoint folder" };
        var prompt = new Option<string?>("--prompt") { Description = "The text to continue", HelpName = "TEXT" };
        var input = new Option<string?>("--input") { Description = "Continue each line of this file; - reads standard input", HelpName = "FILE" };
        var checkpoint = new Option<string?>("--checkpoint") { Description = "best, latest or a step [default: best, else latest]", HelpName = "best|latest|N" };
        var stream = new Option<bool>("--stream") { Description = "Print text as it comes" };
        var num = new Option<int>("--num") { Description = "Completions of each prompt", HelpName = "N", DefaultValueFactory = _ => 1 };
        var overflow = new Option<string>("--overflow") { Description = "At the context's end: stop, or slide to read the last half again", HelpName = "stop|slide", DefaultValueFactory = _ => "stop" };
        overflow.AcceptOnlyFromAmong("stop", "slide");
        var sampling = new SamplingOptions();
        var search = new SearchOptions();
        var device = DeviceOption.Create();
        var precision = DeviceOption.CreatePrecision();
        var quantize = DeviceOption.CreateQuantize();
        var command = new Command("generate", """
            Continues a prompt with a trained model.

            Example: transformer generate runs/gpt-stories --prompt "Once" --temperature 0.8
            """)
        {
            run, prompt, input, checkpoint, stream, num, overflow, device, precision, quantize,
        };
        sampling.AddTo(command);
        search.AddTo(command);
        context.Handle(command, (parse, cancel) =>
        {
            var json = parse.GetValue(context.JsonOption);
            var options = sampling.Read(parse) with { Slide = parse.GetValue(overflow) == "slide" };
            options.Checked();
            if (parse.GetValue(prompt) is not null && parse.GetValue(input) is not null) throw new UserException("--prompt and --input must not both be given");
            if (parse.GetValue(num) < 1) throw new UserException($"--num ({parse.GetValue(num)}) must be at least 1");
            if (parse.GetValue(stream)) CheckStream(parse.GetValue(input), parse.GetValue(num), json);
            var trained = TrainedRun.Open(parse.GetValue(run)!, parse.GetValue(checkpoint));
            var where = DeviceOption.Resolve(parse.GetValue(device));
            var quantized = parse.GetValue(quantize) is not null;
            NativeLibraries.Load();
            if (Kind.For(trained).Translates)
            {
                OptionUse.Refuse(parse, [.. sampling.OfDrawing, stream, overflow], "language models (gpt)", trained.Config.Model);
                var translator = trained.LoadTranslator(where, DeviceOption.PrecisionOf(parse.GetValue(precision), where), quantized);
                var searched = search.Read(parse, parse.GetValue(num)) with { MaxNewTokens = sampling.LimitOf(parse) };
                IEnumerable<string> sources = parse.GetValue(input) is { } lines ? InputLines.Read(context, lines) : [parse.GetValue(prompt) ?? throw new UserException("an encoder-decoder translates: give --prompt or --input")];
                return TranslationOutput.Write(context, translator.Translate(sources, searched, cancel), json, document: parse.GetValue(input) is null);
            }
            OptionUse.Refuse(parse, search.All, "encoder-decoders (seq2seq)", trained.Require<GptConfig>("a language model (gpt) or an encoder-decoder (seq2seq)"));
            var tokenizer = trained.LoadTokenizer();
            using var model = trained.LoadLanguageModel(tokenizer, where);
            using var generator = new TextGenerator(model, tokenizer, where) { Precision = DeviceOption.PrecisionOf(parse.GetValue(precision), where), Quantized = quantized };
            if (parse.GetValue(input) is { } file)
            {
                var each = parse.GetValue(num);
                foreach (var lines in InputLines.Read(context, file).SelectMany(line => Enumerable.Repeat(line, each)).Chunk(PromptsAtOnce))
                    foreach (var completion in generator.Generate(lines, options, cancel: cancel))
                        if (json) context.WriteJson(new CompletionLine("transformer.generate/1", completion.Prompt, completion.Text, completion.Ids, completion.Finish, completion.Score));
                        else context.Out.WriteLine(completion.Text.ReplaceLineEndings(" "));
                return ExitCodes.Done;
            }
            Once(context, generator, parse.GetValue(prompt) ?? "", parse.GetValue(num), options, json, parse.GetValue(stream), cancel);
            return ExitCodes.Done;
        });
        return command;
    }

    static void CheckStream(string? input, int num, bool json)
    {
        const string remedy = "leave --stream out";
        if (json) throw new UserException("--stream prints text as it comes, and --json a document at the end", remedy);
        if (num > 1) throw new UserException($"--stream prints one completion, and --num ({num}) asks for more", remedy);
        if (input is not null) throw new UserException("--stream continues one prompt, and --input has many", remedy);
    }

    static void Once(CliContext context, TextGenerator generator, string prompt, int num, GenerationOptions options, bool json, bool stream, CancellationToken cancel)
    {
        var started = Stopwatch.GetTimestamp();
        if (stream) context.Out.Write(prompt);
        var completions = generator.Generate([.. Enumerable.Repeat(prompt, num)], options, stream ? (_, text) => context.Out.Write(text) : null, cancel);
        var speed = completions.Sum(completion => completion.Ids.Count) / Math.Max(1e-9, Stopwatch.GetElapsedTime(started).TotalSeconds);
        if (json) context.WriteJson(new GenerateDocument("transformer.generate/1", completions, speed));
        else if (stream) context.Out.WriteLine();
        else
            for (var i = 0; i < completions.Count; i++)
            {
                if (i > 0) context.Out.WriteLine("---");
                context.Out.WriteLine(completions[i].Prompt + completions[i].Text);
            }
    }

    sealed record GenerateDocument(string Schema, IReadOnlyList<Completion> Completions, double TokensPerSecond);

    sealed record CompletionLine(string Schema, string Prompt, string Text, IReadOnlyList<int> Ids, string Finish, double Score);
}
