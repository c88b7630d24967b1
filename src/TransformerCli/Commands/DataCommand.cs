using System.CommandLine;

namespace TransformerCli.Commands;

/// <summary><c>data</c>: makes, prepares and inspects data.</summary>
public static class DataCommand
{
    /// <summary>The command with its parts.</summary>
    public static Command Create(CliContext context)
    {
        var make = new Command("make", "Writes generated data as files.\n\nExample: transformer data make stories --size 20MB --out data/stories")
        {
            DataMakeStoriesCommand.Create(context),
        };
        foreach (var task in DataMakeTextCommand.CreateAll(context)) make.Add(task);
        foreach (var kind in DataMakeImages.Kinds) make.Add(DataMakeImages.Create(context, kind));
        return new Command("data", "Makes, prepares and inspects data.\n\nExample: transformer data inspect data/stories")
        {
            make, DataPrepareCommand.Create(context), DataInspectCommand.Create(context),
        };
    }
}
