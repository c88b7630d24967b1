namespace Transformers.Configs;

/// <summary>A record of a config with rules that concern several of its settings.</summary>
public interface IChecked
{
    /// <summary>Reports what does not fit together. Called once all settings of the record, and of those below it, are right by themselves.</summary>
    void Check(ConfigCheck check);
}

/// <summary>Where a record's own checks put what they find.</summary>
/// <param name="path">The dotted path of the record that is checked; empty at the top.</param>
/// <param name="report">Takes a dotted path below the record, a message, and a remedy.</param>
public sealed class ConfigCheck(string path, Action<string, string, string?> report)
{
    /// <summary>The full dotted path of a setting of the record: <c>heads</c> becomes <c>model.heads</c>.</summary>
    public string At(string key) => path.Length == 0 ? key : $"{path}.{key}";

    /// <summary>Reports a problem unless a rule holds.</summary>
    /// <param name="holds">Whether the rule holds.</param>
    /// <param name="key">The setting below the record to which the message points, as it is written in the config.</param>
    /// <param name="rule">What follows the setting's path: <c>(385) must be divisible by model.heads (6)</c>.</param>
    /// <param name="hint">The remedy, where the rule does not tell it.</param>
    public void That(bool holds, string key, string rule, string? hint = null)
    {
        if (!holds) report(key, $"{At(key)} {rule}", hint);
    }
}
