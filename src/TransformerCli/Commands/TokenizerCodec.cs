using System.Buffers.Binary;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Formats;

namespace TransformerCli.Commands;

/// <summary><c>tokenizer encode</c> and <c>tokenizer decode</c>: text to ids and back.</summary>
static class TokenizerCodec
{
    internal static Command CreateEncode(CliContext context)
    {
        var (path, pattern, input) = (TokenizerCommand.TokenizerArgument(), TokenizerCommand.PatternOption(), Input("The text"));
        var output = CommonOptions.Output("Write the ids to this file as little-endian 32-bit numbers instead of printing them");
        var special = new Option<bool>("--allow-special") { Description = "Recognise special tokens in the text; otherwise they are ordinary text" };
        var bare = new Option<bool>("--no-template") { Description = "Leave out the special tokens that the template of a tokenizer.json puts around a text" };
        return context.Create("encode", "Turns text into token ids, with the special tokens that the template of a tokenizer.json puts around a text.\n\nExample: echo 'Hello, world!' | transformer tokenizer encode tokenizer.json", [path, pattern, input, output, special, bare], (parse, cancel) =>
        {
            var tokenizer = TokenizerFile.Load(parse.GetValue(path)!, parse.GetValue(pattern));
            var source = parse.GetValue(input)!;
            using var text = InputLines.Open(context, source);
            var (allow, json) = (parse.GetValue(special), parse.GetValue(context.JsonOption));
            var frame = parse.GetValue(bare) ? ([], []) : tokenizer.Frame;
            if (source != "-") context.Error.Progress.Show("encoding");
            if (parse.GetValue(output) is { } file)
            {
                (long Tokens, long Bytes) sizes = default;
                DurableFile.WriteAsked(file, stream => sizes = Encode(tokenizer, frame, text, InputLines.NameOf(source), allow, cancel, ids => WriteBinary(stream, ids)));
                return context.Print(parse, new EncodeReport("transformer.tokenizer.encode/1", sizes.Tokens, sizes.Bytes, null, file), writer => writer.WriteLine($"{file}: {Amount.Of(sizes.Tokens, "token")}, {Amount.Of(sizes.Bytes, "byte")} of text"));
            }
            if (json)
            {
                var all = new List<int>();
                var (tokens, bytes) = Encode(tokenizer, frame, text, InputLines.NameOf(source), allow, cancel, all.AddRange);
                context.WriteJson(new EncodeReport("transformer.tokenizer.encode/1", tokens, bytes, all, null));
                return ExitCodes.Done;
            }
            var separator = "";
            Encode(tokenizer, frame, text, InputLines.NameOf(source), allow, cancel, ids =>
            {
                if (ids.Count == 0) return;
                context.Out.Write(separator + string.Join(' ', ids));
                separator = " ";
            });
            context.Out.WriteLine();
            return ExitCodes.Done;
        });
    }

    internal static Command CreateDecode(CliContext context)
    {
        var (path, pattern) = (TokenizerCommand.TokenizerArgument(), TokenizerCommand.PatternOption());
        var input = Input("The ids: a .bin file of little-endian 32-bit numbers, or decimal numbers as text");
        var output = CommonOptions.Output("Write the exact bytes to this file instead of printing text");
        var skip = new Option<bool>("--skip-special") { Description = "Leave special tokens out" };
        return context.Create("decode", "Turns token ids into text.\n\nExample: transformer tokenizer decode tokenizer.json --input ids.bin --output text.txt", [path, pattern, input, output, skip], (parse, cancel) =>
        {
            var tokenizer = TokenizerFile.Load(parse.GetValue(path)!, parse.GetValue(pattern));
            var (special, source, json) = (!parse.GetValue(skip), parse.GetValue(input)!, parse.GetValue(context.JsonOption));
            var plain = source.EndsWith(".bin", StringComparison.OrdinalIgnoreCase);
            var binary = plain || source.EndsWith(".bin.gz", StringComparison.OrdinalIgnoreCase);
            using var stream = InputLines.Open(context, source, plain);
            var count = 0L;
            var ids = (binary ? BinaryIds(stream, source) : TextIds(stream, source)).Select(id =>
            {
                cancel.ThrowIfCancellationRequested();
                count++;
                return id;
            });
            if (parse.GetValue(output) is { } file)
            {
                DurableFile.WriteAsked(file, target => tokenizer.Decode(ids, target, special));
                if (json) context.WriteJson(new DecodeReport("transformer.tokenizer.decode/1", count, null, file));
                else context.Out.WriteLine($"{file}: text of {Amount.Of(count, "token")}");
            }
            else if (json)
            {
                var text = tokenizer.Decode(ids, special);
                context.WriteJson(new DecodeReport("transformer.tokenizer.decode/1", count, text, null));
            }
            else Print(context.Out, tokenizer, ids, special);
            return ExitCodes.Done;
        });
    }

    static Option<string> Input(string what) => new("--input") { Description = what + "; .gz files are decompressed, - reads standard input", HelpName = "FILE", DefaultValueFactory = _ => "-" };

    static (long Tokens, long Bytes) Encode(TextTokenizer tokenizer, (IReadOnlyList<int> Before, IReadOnlyList<int> After) frame, Stream text, string name, bool allowSpecial,
        CancellationToken cancel, Action<List<int>> write)
    {
        write([.. frame.Before]);
        long tokens, bytes;
        try
        {
            (tokens, bytes) = allowSpecial ? EncodeWhole(tokenizer, text, name, write) : EncodeParts(tokenizer, text, cancel, write);
        }
        catch (UserException exception) when (exception is not OutputException && exception.Problems is [{ File: null } problem])
        {
            throw new UserException([problem with { File = name }], exception);
        }
        write([.. frame.After]);
        return (tokens + frame.Before.Count + frame.After.Count, bytes);
    }

    static (long Tokens, long Bytes) EncodeParts(TextTokenizer tokenizer, Stream text, CancellationToken cancel, Action<List<int>> write)
    {
        var encoder = tokenizer.CreateEncoder();
        var ids = new List<int>();
        var block = new byte[1 << 18];
        long tokens = 0, bytes = 0;
        for (int read; (read = text.Read(block)) > 0; bytes += read)
        {
            cancel.ThrowIfCancellationRequested();
            encoder.Append(block.AsSpan(0, read), ids);
            Flush();
        }
        encoder.Finish(ids);
        Flush();
        return (tokens, bytes);

        void Flush()
        {
            write(ids);
            tokens += ids.Count;
            ids.Clear();
        }
    }

    // A special token may span two blocks, so the text is read as a whole.
    static (long Tokens, long Bytes) EncodeWhole(TextTokenizer tokenizer, Stream text, string name, Action<List<int>> write)
    {
        using var whole = new MemoryStream();
        text.CopyTo(whole);
        string decoded;
        try
        {
            decoded = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(whole.GetBuffer(), 0, (int)whole.Length);
        }
        catch (DecoderFallbackException exception)
        {
            var line = whole.GetBuffer().AsSpan(0, Math.Max(0, exception.Index)).Count((byte)'\n') + 1;
            throw new UserException([new Problem("the line is not UTF-8", name, line, Hint: "without --allow-special any bytes can be encoded")], exception);
        }
        var ids = new List<int>(tokenizer.EncodeToIds(decoded, tokenizer.SpecialTokens.Keys));
        write(ids);
        return (ids.Count, whole.Length);
    }

    static void WriteBinary(Stream stream, List<int> ids)
    {
        var bytes = new byte[ids.Count * 4];
        for (var i = 0; i < ids.Count; i++) BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4 * i), ids[i]);
        stream.Write(bytes);
    }

    static void Print(TextWriter writer, TextTokenizer tokenizer, IEnumerable<int> ids, bool special)
    {
        var decoder = tokenizer.CreateDecoder(special);
        var text = new StringBuilder();
        foreach (var id in ids)
        {
            text.Append(decoder.Append(id));
            if (text.Length < 1 << 16) continue;
            writer.Write(text);
            text.Clear();
        }
        writer.Write(text.Append(decoder.Finish()));
    }

    static IEnumerable<int> BinaryIds(Stream stream, string path)
    {
        var block = new byte[1 << 16];
        while (true)
        {
            var read = stream.ReadAtLeast(block, block.Length, throwOnEndOfStream: false);
            if (read % 4 != 0) throw new UserException([new Problem("ends inside an id: its length is not a multiple of four", File: path)]);
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
                if (id > int.MaxValue) throw new UserException([new Problem($"an id is larger than {int.MaxValue}", File: path, Line: line)]);
                continue;
            }
            if (id >= 0) yield return (int)id;
            id = -1;
            if (next < 0) yield break;
            if (next == '\n') line++;
            // The separators of the usual notations for lists.
            if (!char.IsWhiteSpace((char)next) && next is not (',' or '[' or ']'))
                throw new UserException([new Problem($"'{(char)next}' is not part of a list of ids", File: path, Line: line, Hint: "ids are whole numbers, or a .bin file")]);
        }
    }

    sealed record EncodeReport(string Schema, long Tokens, long Bytes, IReadOnlyList<int>? Ids, string? Output);

    sealed record DecodeReport(string Schema, long Tokens, string? Text, string? Output);
}
