using System.CommandLine;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Models;

namespace TransformerCli;

/// <summary>Refuses options that were given and would do nothing.</summary>
static class OptionUse
{
    /// <summary>Whether the user gave an option, and not only its default holds.</summary>
    internal static bool Has(ParseResult parse, Option option) => parse.GetResult(option) is { Implicit: false };

    /// <summary>Refuses options that a run's kind does not use.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="options">The options of another kind.</param>
    /// <param name="of">Which kinds use them.</param>
    /// <param name="model">The run's model.</param>
    /// <exception cref="UserException">With a problem for each option that was given.</exception>
    internal static void Refuse(ParseResult parse, IEnumerable<Option> options, string of, ModelConfig model)
    {
        List<Problem> problems = [.. options.Where(option => Has(parse, option))
            .Select(option => new Problem($"{option.Name} is for {of}, and the run is of kind {KindAttribute.Of(model)}", Hint: "leave it out"))];
        if (problems.Count > 0) throw new UserException(problems);
    }
}
