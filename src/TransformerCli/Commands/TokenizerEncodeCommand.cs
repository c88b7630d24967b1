using System.Buffers.Binary;
using System.CommandLine;
using System.Text;
using Transformers.IO;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Formats;

namespace TransformerCli.Commands;

/// <summary><c>tokenizer encode</c>: text to ids.</summary>
public static class TokenizerEncodeCommand
{
    sealed record Report(string Schema, long Tokens, long Bytes, IReadOnlyList<int>? Ids, string? Output);

    /// <summary>The command.</summary>
    public static Command Create(CliContext context)
    {
        var path = TokenizerCommand.TokenizerArgument();
        var pattern = TokenizerCommand.PatternOption();
        var input = TokenizerCommand.InputOption("The text");
        var output = TokenizerCommand.OutputOption("Write the ids as little-endian 32-bit numbers to this file instead of as text");
        var special = new Option<bool>("--allow-special") { Description = "Recognise special tokens in the text; without, they are ordinary text" };
        var command = new Command("encode", "Turns text into token ids.\nExample: echo 'Hello, world!' | transformer tokenizer encode tokenizer.json")
        {
            path, pattern, input, output, special,
        };
        context.Handle(command, (parse, cancel) =>
        {
            var tokenizer = TokenizerFile.Load(parse.GetValue(path)!, parse.GetValue(pattern));
            using var text = TokenizerCommand.Open(context, parse.GetValue(input)!);
            var allow = parse.GetValue(special);
            var json = parse.GetValue(context.JsonOption);
            if (parse.GetValue(output) is { } file)
            {
                (long Tokens, long Bytes) sizes = default;
                TokenizerCommand.WriteFile(file, stream => sizes = Encode(tokenizer, text, allow, cancel, ids => WriteBinary(stream, ids)));
                if (json) context.WriteJson(new Report("transformer.tokenizer.encode/1", sizes.Tokens, sizes.Bytes, null, file));
                else context.Out.WriteLine($"{file}: {sizes.Tokens:N0} tokens of {sizes.Bytes:N0} bytes");
                return ExitCodes.Done;
            }
            if (json)
            {
                var all = new List<int>();
                var (tokens, bytes) = Encode(tokenizer, text, allow, cancel, all.AddRange);
                context.WriteJson(new Report("transformer.tokenizer.encode/1", tokens, bytes, all, null));
                return ExitCodes.Done;
            }
            var separator = "";
            Encode(tokenizer, text, allow, cancel, ids =>
            {
                if (ids.Count == 0) return;
                context.Out.Write(separator + string.Join(' ', ids));
                separator = " ";
            });
            context.Out.WriteLine();
            return ExitCodes.Done;
        });
        return command;
    }

    static (long Tokens, long Bytes) Encode(TextTokenizer tokenizer, Stream text, bool allowSpecial, CancellationToken cancel, Action<List<int>> write)
    {
        if (allowSpecial) return EncodeWhole(tokenizer, text, write);
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

    // A special token may be cut by any border of blocks, so the text is taken whole.
    static (long Tokens, long Bytes) EncodeWhole(TextTokenizer tokenizer, Stream text, Action<List<int>> write)
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
            throw new UserException($"the text is not well-formed UTF-8: {exception.Message}", hint: "without --allow-special any bytes can be encoded", inner: exception);
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
}
