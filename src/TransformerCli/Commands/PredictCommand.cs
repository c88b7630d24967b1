using System.CommandLine;
using Transformers.Configs;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Kinds;
using static TorchSharp.torch;

namespace TransformerCli.Commands;

/// <summary><c>predict</c>: tells classes.</summary>
static class PredictCommand
{
    /// <summary>The command.</summary>
    public static Command Create(CliContext context)
    {
        var run = new Argument<string>("RUN") { Description = "A run folder or a checkpoint folder" };
        var inputs = new Argument<string[]>("INPUT") { Description = "Texts, or files of a text a line (- reads standard input); images, or folders of them", Arity = ArgumentArity.OneOrMore };
        var top = new Option<int>("--top") { Description = "The most classes to tell of each", HelpName = "N", DefaultValueFactory = _ => 5 };
        var checkpoint = new Option<string?>("--checkpoint") { Description = "best, latest or a step [default: best, else latest]", HelpName = "best|latest|N" };
        var device = DeviceOption.Create();
        var command = new Command("predict", """
            Tells the most probable classes of inputs.

            Example: transformer predict runs/sst2 "a moving and funny film" --top 2
            """)
        {
            run, inputs, top, checkpoint, device,
        };
        context.Handle(command, (parse, _) =>
        {
            if (parse.GetValue(top) is < 1 and var count) throw new UserException($"--top ({count}) must be at least 1");
            var trained = TrainedRun.Open(parse.GetValue(run)!, parse.GetValue(checkpoint));
            var where = DeviceOption.Resolve(parse.GetValue(device));
            var kind = Kind.For(trained);
            if (!kind.Classifies) throw new UserException($"a run of kind {KindAttribute.Of(trained.Config.Model)} does not classify");
            Func<CliContext, TrainedRun, string[], int, Device, bool, int> write = kind.Input == ModelInput.Images ? PredictImages.Write : PredictText.Write;
            return write(context, trained, parse.GetValue(inputs)!, parse.GetValue(top), where, parse.GetValue(context.JsonOption));
        });
        return command;
    }
}
