using System.Buffers.Binary;
using System.CommandLine;
using System.Text;
using Transformers.IO;
using Transformers.Tokenizers.Formats;

namespace TransformerCli.Commands;

/// <summary><c>tokenizer decode</c>: ids to text.</summary>
public static class TokenizerDecodeCommand
{
    sealed record Report(string Schema, long Tokens, string? Text, string? Output);

    /// <summary>The command.</summary>
    public static Command Create(CliContext context)
    {
        var path = TokenizerCommand.TokenizerArgument();
        var pattern = TokenizerCommand.PatternOption();
        var input = TokenizerCommand.InputOption("The ids: a .bin file of little-endian 32-bit numbers, else decimal numbers as text");
        var output = TokenizerCommand.OutputOption("Write the exact bytes to this file instead of text to standard output");
        var skip = new Option<bool>("--skip-special") { Description = "Leave special tokens out" };
        var command = new Command("decode", "Turns token ids into text.\nExample: transformer tokenizer decode tokenizer.json --input ids.bin --output text.txt")
        {
            path, pattern, input, output, skip,
        };
        context.Handle(command, (parse, cancel) =>
        {
            var tokenizer = TokenizerFile.Load(parse.GetValue(path)!, parse.GetValue(pattern));
            var special = !parse.GetValue(skip);
            var source = parse.GetValue(input)!;
            using var stream = TokenizerCommand.Open(context, source);
            var ids = Counted(source.EndsWith(".bin", StringComparison.OrdinalIgnoreCase) ? BinaryIds(stream, source) : TextIds(stream, source), out var count, cancel);
            if (parse.GetValue(output) is { } file)
            {
                TokenizerCommand.WriteFile(file, target => tokenizer.Decode(ids, target, special));
                if (parse.GetValue(context.JsonOption)) context.WriteJson(new Report("transformer.tokenizer.decode/1", count[0], null, file));
                else context.Out.WriteLine($"{file}: text of {count[0]:N0} tokens");
            }
            else if (parse.GetValue(context.JsonOption))
            {
                var text = tokenizer.Decode(ids, special);
                context.WriteJson(new Report("transformer.tokenizer.decode/1", count[0], text, null));
            }
            else
            {
                var decoder = tokenizer.CreateDecoder(special);
                var text = new StringBuilder();
                foreach (var id in ids)
                {
                    text.Append(decoder.Append(id));
                    if (text.Length < 1 << 16) continue;
                    context.Out.Write(text);
                    text.Clear();
                }
                context.Out.Write(text.Append(decoder.Finish()));
            }
            return ExitCodes.Done;
        });
        return command;
    }

    static IEnumerable<int> Counted(IEnumerable<int> ids, out long[] count, CancellationToken cancel)
    {
        var counter = count = new long[1];
        return ids.Select(id =>
        {
            cancel.ThrowIfCancellationRequested();
            counter[0]++;
            return id;
        });
    }

    static IEnumerable<int> BinaryIds(Stream stream, string path)
    {
        var block = new byte[1 << 16];
        while (true)
        {
            var read = stream.ReadAtLeast(block, block.Length, throwOnEndOfStream: false);
            if (read % 4 != 0) throw new UserException([new Problem("is cut inside an id: its length is not a multiple of four", File: path)]);
            for (var i = 0; i < read; i += 4) yield return BinaryPrimitives.ReadInt32LittleEndian(block.AsSpan(i));
            if (read < block.Length) yield break;
        }
    }

    static IEnumerable<int> TextIds(Stream stream, string path)
    {
        using var text = new StreamReader(stream);
        long id = -1;
        var line = 1;
        while (true)
        {
            var next = text.Read();
            if (next is >= '0' and <= '9')
            {
                id = Math.Max(id, 0) * 10 + next - '0';
                if (id > int.MaxValue) throw new UserException([new Problem("an id is too large", File: path, Line: line)]);
                continue;
            }
            if (id >= 0) yield return (int)id;
            id = -1;
            if (next < 0) yield break;
            if (next == '\n') line++;
            // Separators of a list in any of the usual ways of writing one.
            if (!char.IsWhiteSpace((char)next) && next is not (',' or '[' or ']'))
                throw new UserException([new Problem($"'{(char)next}' is not part of a list of ids", File: path, Line: line, Hint: "ids are whole numbers, or a .bin file")]);
        }
    }
}
