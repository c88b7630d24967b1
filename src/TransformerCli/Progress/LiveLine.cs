using Spectre.Console;

namespace TransformerCli.Progress;

/// <summary>One line of a terminal that is written over and over. Off, it writes nothing, control characters least of all.</summary>
sealed class LiveLine(TextWriter writer, bool on)
{
    bool shown;

    internal void Show(string text)
    {
        if (!on) return;
        var width = Math.Max(20, AnsiConsole.Profile.Width - 1);
        writer.Write("\r\u001b[2K" + (text.Length <= width ? text : text[..width]));
        shown = true;
    }

    internal void Clear()
    {
        if (!on || !shown) return;
        writer.Write("\r\u001b[2K");
        shown = false;
    }
}
