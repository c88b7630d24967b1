using Transformers.Tests.Tokenizers;

namespace Transformers.Tests.Benchmarks;

public class TokenizerBenchmarkTests : TempFolderTest
{
    [Fact]
    public void A_benchmark_covers_the_whole_text_on_each_number_of_threads()
    {
        var text = Encoding.UTF8.GetBytes(TextSamples.Words(1, 250_000));
        Assert.InRange(text.Length, 1_200_000, 2_000_000); // two parts
        File.WriteAllBytes(folder["text.txt"], text);
        var options = new BpeTrainerOptions { VocabularySize = 300 };
        var result = TokenizerBenchmark.Run([folder["text.txt"]], options, threads: 2, repeats: 1);
        Assert.Equal([("train", 1), ("train", 2), ("encode", 1), ("encode", 2)], result.Timings.Select(timing => (timing.Name, timing.Threads)));
        Assert.All(result.Timings, timing => Assert.Equal(text.Length, timing.Bytes));
        var ids = new List<int>();
        BpeTrainer.Train([folder["text.txt"]], options).EncodeToIds(text, ids);
        Assert.Equal(ids.Count, result.Tokens);
        Assert.Equal(ReferenceBpe.Pieces(Encoding.UTF8.GetString(text), SplitPattern.Gpt2).Select(Convert.ToHexString).Distinct().Count(), result.DistinctPieces);
    }

    [Fact]
    public void A_text_that_the_given_tokenizer_cannot_encode_is_the_users_error()
    {
        File.WriteAllText(folder["text.txt"], "the cat sat on the mat, the cat sat on the hat");
        Assert.Throws<UserException>(() => TokenizerBenchmark.Run([folder["text.txt"]], new BpeTrainerOptions { VocabularySize = 258 }, repeats: 1, tokenizer: CharacterTokenizer.FromText("abc")));
    }
}
