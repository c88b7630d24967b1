using System.CommandLine;
using System.Diagnostics;
using Transformers.Decoding;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Kinds;
using Transformers.Models;

namespace TransformerCli.Commands;

/// <summary><c>generate</c>: continues prompts with a language model, translates with an encoder-decoder.</summary>
static class GenerateCommand
{
    const string Schema = "transformer.generate/1";
    const int PromptsAtOnce = 32;

    public static Command Create(CliContext context)
    {
        var (run, checkpoint) = (CommonOptions.Run(), CommonOptions.Checkpoint());
        var prompt = new Option<string?>("--prompt") { Description = "The text to continue, or the sentence to translate", HelpName = "TEXT" };
        var input = new Option<string?>("--input") { Description = "Continue each line of this file; - reads standard input", HelpName = "FILE" };
        var stream = new Option<bool>("--stream") { Description = "Print text as it is generated" };
        var num = new Option<int>("--num") { Description = "Completions per prompt", HelpName = "N", DefaultValueFactory = _ => 1 };
        var overflow = new Option<string>("--overflow") { Description = "At the end of the context: stop, or slide to keep the last half as the new context", HelpName = "stop|slide", DefaultValueFactory = _ => "stop" }.OneOf("stop", "slide");
        var (sampling, search) = (new SamplingOptions(), new SearchOptions());
        var nproc = CommonOptions.Processes();
        var (device, precision, quantize) = (CommonOptions.Device(), CommonOptions.Precision(), CommonOptions.Quantize());
        return context.Create("generate", """
            Continues a prompt with a language model, or translates it with an encoder-decoder.

            Example: transformer generate runs/gpt-stories --prompt "Once" --temperature 0.8
            """, [run, prompt, input, checkpoint, stream, num, overflow, nproc, device, precision, quantize, .. sampling.All, .. search.All],
            (parse, cancel) => parse.StartsSeveral(context, nproc) is { } several ? several : Team.Run(context, parse, null, team => Generate(parse, team, cancel)));

        int Generate(ParseResult parse, Team team, CancellationToken cancel)
        {
            var json = parse.GetValue(context.JsonOption);
            var options = sampling.Read(parse) with { Slide = parse.GetValue(overflow) == "slide" };
            options.Checked();
            if (parse.GetValue(prompt) is not null && parse.GetValue(input) is not null) throw new UserException("--prompt and --input must not both be given");
            var each = parse.AtLeast(1, num);
            if (!team.Processes.IsAlone && parse.GetValue(input) is null or "-")
                throw new UserException($"{team.Processes.Size} processes divide the lines of a file, but {(parse.GetValue(input) is null ? "none was given" : "standard input reaches only the first of them")}", "name a file with --input, or start a single process");
            if (parse.GetValue(stream)) CheckStream(parse.GetValue(input), each, json);
            var trained = parse.OpenRun(context, parse.GetValue(run)!, checkpoint);
            var where = parse.ResolveDevice(context, device);
            team.For(where);
            var type = CommonOptions.ResolvePrecision(parse.GetValue(precision), where);
            var quantized = parse.GetValue(quantize) is not null;
            if (Kind.For(trained).Translates)
            {
                parse.Refuse([.. sampling.ForSampling, stream, overflow], "language models (gpt)", trained.Config.Model);
                var searched = search.Read(parse, each) with { MaxNewTokens = sampling.LimitOf(parse) };
                var translator = trained.LoadTranslator(where, type, quantized);
                var report = new UnreadLines(context);
                // A line that cannot be read gives empty lines, so that output and input stay aligned; of the others, null is queued.
                var unread = new Queue<string?>();
                IEnumerable<string> sources = parse.GetValue(input) is { } lines ? InputLines.Read(context, lines).Select(line =>
                {
                    var reads = report.Reads(line, translator.ProblemOf);
                    unread.Enqueue(reads ? null : line.Text);
                    return reads ? line.Text : "";
                }) : [parse.GetValue(prompt) ?? throw new UserException("an encoder-decoder translates: give --prompt or --input")];
                var translations = team.Processes.DivideStream(sources.Chunk(searched.BatchSize), some => translator.Translate(some, searched, cancel).ToList()).SelectMany(some => some);
                WriteTranslations(context, team.Processes.IsAlone ? translator.Translate(sources, searched, cancel) : translations, unread, each, json, document: parse.GetValue(input) is null);
                return report.Finish();
            }
            parse.Refuse(search.All, "encoder-decoders (seq2seq)", trained.Require<GptConfig>("a language model (gpt) or an encoder-decoder (seq2seq)"));
            var tokenizer = trained.LoadTokenizer();
            using var model = trained.LoadLanguageModel(tokenizer, where);
            using var generator = new TextGenerator(model, tokenizer, where) { Precision = type, Quantized = quantized, StartsDocuments = Kind.For(trained).StartsDocuments(trained.Config.Data) };
            if (parse.GetValue(input) is { } file)
            {
                var report = new UnreadLines(context);
                var chunks = InputLines.Read(context, file).Select(line => (line.Text, reads: report.Reads(line, text => generator.ProblemOf(text, options)))).SelectMany(one => Enumerable.Repeat(one, each)).Chunk(PromptsAtOnce);
                foreach (var completed in team.Processes.DivideStream(chunks, Complete))
                    foreach (var completion in completed) WriteLine(context, completion, json);
                return report.Finish();
            }
            GenerateOnce(context, generator, parse.GetValue(prompt) ?? "", each, options, json, parse.GetValue(stream), cancel);
            return ExitCodes.Done;

            List<Completion> Complete((string line, bool reads)[] lines)
            {
                var completions = new Queue<Completion>(generator.Generate([.. lines.Where(one => one.reads).Select(one => one.line)], options, cancel: cancel));
                return [.. lines.Select(one => one.reads ? completions.Dequeue() : new Completion(one.line, "", [], "unread", 0))];
            }
        }
    }

    static void CheckStream(string? input, int num, bool json)
    {
        const string remedy = "leave --stream out";
        if (json) throw new UserException("--stream prints text as it is generated, but --json a document at the end", remedy);
        if (num > 1) throw new UserException($"--stream prints one completion, but --num ({num}) asks for more", remedy);
        if (input is not null) throw new UserException("--stream continues one prompt, but --input has many", remedy);
    }

    static void GenerateOnce(CliContext context, TextGenerator generator, string prompt, int num, GenerationOptions options, bool json, bool stream, CancellationToken cancel)
    {
        var started = Stopwatch.GetTimestamp();
        if (stream) context.Out.Write(prompt);
        var completions = generator.Generate([.. Enumerable.Repeat(prompt, num)], options, stream ? (_, text) => context.Out.Write(text) : null, cancel);
        if (json) WriteDocument(context, completions, started);
        else if (stream) context.Out.WriteLine();
        else
            for (var i = 0; i < completions.Count; i++)
            {
                if (i > 0) context.Out.WriteLine("---");
                context.Out.WriteLine(completions[i].Prompt + completions[i].Text);
            }
    }

    static void WriteTranslations(CliContext context, IEnumerable<Translation> translations, Queue<string?> unread, int each, bool json, bool document)
    {
        var started = Stopwatch.GetTimestamp();
        foreach (var translation in translations)
        {
            if (translation.Shortened) context.Error.WriteLine($"warning: a source of {translation.Source.Length} characters is too long for the model, and its end was cut off");
            var bad = unread.TryDequeue(out var line) ? line : null;
            List<Completion> completions = bad is not null ? [] : [.. translation.Hypotheses.Select(one => new Completion(translation.Source, one.Text, one.Ids, one.Finish, one.Score))];
            // Every input gets the same number of lines, even with fewer translations, as for an empty line.
            if (!document)
                while (completions.Count < each) completions.Add(new Completion(bad ?? translation.Source, "", [], bad is null ? "eos" : "unread", 0));
            if (json && document) WriteDocument(context, completions, started);
            else
                foreach (var completion in completions) WriteLine(context, completion, json);
        }
    }

    static void WriteDocument(CliContext context, IReadOnlyList<Completion> completions, long started) =>
        context.WriteJson(new { Schema, Completions = completions, TokensPerSecond = completions.Sum(completion => completion.Ids.Count) / Math.Max(1e-9, Stopwatch.GetElapsedTime(started).TotalSeconds) });

    static void WriteLine(CliContext context, Completion completion, bool json)
    {
        if (json) context.WriteJson(new { Schema, completion.Prompt, completion.Text, completion.Ids, completion.Finish, completion.Score });
        else context.Out.WriteLine(completion.Text.ReplaceLineEndings(" "));
    }
}
