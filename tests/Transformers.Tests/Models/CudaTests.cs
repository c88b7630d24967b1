using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Tests.Models;

[Collection("engine")]
public class CudaTests : TinyRunTest
{
    [CudaFact]
    public void Logits_and_gradients_on_cuda_equal_those_on_the_cpu()
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenFile("gpt-rotary");
        using var model = new Gpt(GptGoldenTests.ConfigOf(golden), 13);
        golden.FillWeights(model);
        model.to(CUDA);
        var (ids, targets) = (golden["ids"].to(CUDA), golden["targets"].to(CUDA));
        GoldenFile.AssertClose(golden["logits"], model.forward(ids).detach().cpu(), 1e-4, "logits");
        var loss = LinearCrossEntropy.Sum(model.Hidden(ids).reshape(-1, 16), model.OutputWeight, targets.flatten(), ScalarType.Float32).Objective / targets.numel();
        Gradients.Backward(loss);
        foreach (var (name, parameter) in model.named_parameters())
            GoldenFile.AssertClose(golden["gradient." + name], parameter.grad!.cpu(), 1e-3, name);
    }

    [CudaFact]
    public void A_run_on_cuda_trains_resumes_and_generates()
    {
        var config = TinyRuns.Config("training.precision=auto");
        TrainResult Train(long? maxSteps) => TrainingRun.Start(config, new TrainingOptions { Run = runs.PathOf("cuda"), Cache = runs.PathOf("cache"), MaxSteps = maxSteps, Device = CUDA });
        Assert.Equal(10, Train(10).Steps);
        var result = Train(null);
        Assert.Equal("cuda:0", result.Device);
        Assert.True(double.IsFinite(result.ValLoss!.Value));
        var run = TrainedRun.Open(runs.PathOf("cuda"));
        var tokenizer = run.LoadTokenizer();
        using var model = run.LoadLanguageModel(tokenizer, CUDA);
        Assert.NotEmpty(new TextGenerator(model, tokenizer, CUDA) { Precision = Precision.Fp32 }.Generate(["Once"], new GenerationOptions { MaxNewTokens = 4 })[0].Text);
    }
}
