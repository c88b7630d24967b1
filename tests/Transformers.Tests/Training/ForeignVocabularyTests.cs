using Transformers.Tokenizers.Formats;
using static TorchSharp.torch;

namespace Transformers.Tests.Training;

/// <summary>Runs with vocabularies that another program trained: they go along with the run, in a file of their own format.</summary>
[Collection("engine")]
public class ForeignVocabularyTests : TinyRunTest
{
    static string Sets(string name) => $"data.tokenizer={{ kind: file, path: {Repository.Golden("data", name)} }}";

    [Fact]
    public void A_language_model_keeps_its_SentencePiece_vocabulary_in_folder_and_checkpoints()
    {
        runs.Start(TinyRuns.Config(Sets("sentencepiece-bpe.model")), "run", maxSteps: 2);
        Assert.True(File.Exists(Path.Combine(runs.PathOf("run"), "tokenizer.model")));
        Assert.False(File.Exists(Path.Combine(runs.PathOf("run"), "tokenizer.json")));
        var run = TrainedRun.Open(runs.PathOf("run"));
        var tokenizer = Assert.IsType<SentencePieceVocabulary>(run.LoadTokenizer());
        Assert.Equal(TokenizerFile.Load(runs.PathOf("run")).Hash, tokenizer.Hash);
        using var model = run.LoadLanguageModel(tokenizer, CPU);
        Assert.Equal(560, model.Vocabulary);
        var averaged = CheckpointAverage.Average([run.Checkpoint], runs.PathOf("averaged"));
        Assert.Equal(tokenizer.ToBytes(), averaged.ReadBytes("tokenizer.model"));
        runs.Start(TinyRuns.Config(Sets("sentencepiece-bpe.model")), "run", maxSteps: 3);
        Assert.Equal(3, TrainedRun.Open(runs.PathOf("run"), "latest").Checkpoint.Step);
    }

    [Fact]
    public void A_vocabulary_that_is_too_small_for_its_tokenizer_is_reported_at_its_setting()
    {
        using var runs = new TinyRuns();
        var problem = Assert.Throws<UserException>(() => runs.Start(TinyRuns.Config(Sets("sentencepiece-bpe.model"), "model.vocabulary=100"), "run", maxSteps: 1)).Problems[0];
        Assert.Equal(("model.vocabulary", "model.vocabulary (100) must be at least the tokenizer's (560)"), (problem.Path, problem.Message));
    }

    [Fact]
    public void An_encoder_decoder_keeps_two_vocabularies_of_different_formats()
    {
        runs.Start(SentenceRuns.Translation(Sets("wordpiece-uncased.txt"), $"data.target_tokenizer={{ kind: file, path: {Repository.Golden("data", "sentencepiece-unigram.model")} }}"), "run", maxSteps: 1);
        var (source, target) = TrainedRun.Open(runs.PathOf("run")).LoadTokenizers();
        Assert.IsType<WordPieceVocabulary>(source);
        Assert.IsType<SentencePieceVocabulary>(target);
    }

    [Fact]
    public void An_encoder_trains_on_a_WordPiece_vocabulary()
    {
        var result = runs.Start(SentenceRuns.Masked(Sets("wordpiece-uncased.txt")), "run", maxSteps: 2);
        Assert.True(double.IsFinite(result.TrainLoss!.Value));
        Assert.IsType<WordPieceVocabulary>(TrainedRun.Open(runs.PathOf("run")).LoadTokenizer());
    }
}
