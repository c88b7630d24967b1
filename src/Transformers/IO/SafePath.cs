namespace Transformers.IO;

/// <summary>Joins a folder with a name that was read from a file or given by someone else, so that the result stays inside.</summary>
static class SafePath
{
    const int LongestSegment = 255, LongestName = 1024;
    static readonly HashSet<string> Devices = new(StringComparer.OrdinalIgnoreCase)
    {
        "CON", "PRN", "AUX", "NUL",
        "COM0", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8", "COM9",
        "LPT0", "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
    };

    public static string Resolve(string folder, string name)
    {
        if (Problem(name) is { } problem) throw Refused(folder, name, problem);
        var path = folder;
        foreach (var part in name.Split('/'))
        {
            path = Path.Combine(path, part);
            if (new FileInfo(path).LinkTarget is not null) throw Refused(folder, name, $"must not pass through the symbolic link {part}");
        }
        return path;
    }

    /// <summary>What is wrong with a relative name, or null.</summary>
    public static string? Problem(string name)
    {
        if (name.Length == 0) return "must not be empty";
        if (name.Length > LongestName) return $"must have at most {LongestName} characters, not {name.Length}";
        foreach (var c in name)
        {
            if (char.IsControl(c)) return $"must not contain the control character U+{(int)c:X4}";
            if (c is '\\' or ':' or '*' or '?' or '"' or '<' or '>' or '|') return $"must not contain {c}";
        }
        foreach (var part in name.Split('/'))
        {
            if (part.Length == 0) return "must be relative, with one / between its parts";
            if (part is "." or "..") return $"must not contain {part} as a part";
            if (System.Text.Encoding.UTF8.GetByteCount(part) > LongestSegment) return $"must have parts of at most {LongestSegment} bytes";
            if (part[^1] is '.' or ' ') return "must not have a part that ends in a dot or a space";
            if (Devices.Contains(part.Split('.')[0])) return $"must not use the name {part}, which Windows reserves";
        }
        return null;
    }

    static UserException Refused(string folder, string name, string rule) =>
        new([new Problem($"the file name {MessageText.Quote(name)} {rule}", File: folder)]);
}
