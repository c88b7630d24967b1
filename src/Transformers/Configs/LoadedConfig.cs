using Transformers.IO;

namespace Transformers.Configs;

/// <summary>A config with the places of its settings.</summary>
/// <typeparam name="T">The record.</typeparam>
public sealed class LoadedConfig<T> where T : class
{
    readonly MapNode tree;
    readonly Source start;

    internal LoadedConfig(T config, MapNode tree, Source start)
    {
        Config = config;
        this.tree = tree;
        this.start = start;
    }

    /// <summary>The record.</summary>
    public T Config { get; }

    /// <summary>The problem with the file, line and column of the setting that its path names; unchanged where it names none or has a file.</summary>
    public Problem Place(Problem problem)
    {
        if (problem.Path is null || problem.File is not null) return problem;
        var (file, line, column) = tree.Locate(problem.Path, start);
        return problem with { File = file, Line = line, Column = column };
    }

    /// <summary>Runs something that the config decides; what it refuses is told with the place of the setting to blame.</summary>
    /// <exception cref="UserException">The action threw one; its problems have places now.</exception>
    public TResult Placing<TResult>(Func<T, TResult> action)
    {
        try
        {
            return action(Config);
        }
        catch (UserException exception) when (exception.Problems.Any(p => p.Path is not null && p.File is null))
        {
            throw new UserException([.. exception.Problems.Select(Place)], exception);
        }
    }
}
