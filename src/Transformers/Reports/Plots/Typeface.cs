using System.Reflection;
using System.Text;
using SkiaSharp;

namespace Transformers.Reports.Plots;

/// <summary>The letters of painted pictures: Inter, which is part of the program; other scripts from the system's fonts.</summary>
/// <remarks>
/// The Inter typeface (rsms.me/inter, SIL Open Font License 1.1) comes in the resources of the package Avalonia.Fonts.Inter.
/// No library of the system's is asked for Latin, Greek and Cyrillic, so a picture has the same pixels everywhere.
/// </remarks>
static class Typeface
{
    static readonly Lazy<SKTypeface> Regular = new(() => Read("/Assets/Inter-Regular.ttf")), Bold = new(() => Read("/Assets/Inter-SemiBold.ttf"));
    static readonly Lazy<IReadOnlyList<SKTypeface>> System = new(OfSystem);

    /// <summary>A font without hinting, which would depend on the version of the rasterizer.</summary>
    internal static SKFont Font(SKTypeface face, double size) =>
        new(face, (float)size) { Edging = SKFontEdging.Antialias, Subpixel = true, Hinting = SKFontHinting.None };

    /// <summary>A text in pieces that each have one typeface.</summary>
    internal static List<(SKTypeface Face, string Text)> Pieces(string text, bool bold)
    {
        var usual = (bold ? Bold : Regular).Value;
        var pieces = new List<(SKTypeface Face, string Text)>();
        foreach (var rune in text.EnumerateRunes())
        {
            var face = Has(usual, rune) ? usual : Other(rune) ?? usual;
            if (pieces.Count > 0 && pieces[^1].Face == face) pieces[^1] = (face, pieces[^1].Text + rune);
            else pieces.Add((face, rune.ToString()));
        }
        return pieces;
    }

    static bool Has(SKTypeface face, Rune rune)
    {
        using var font = new SKFont(face);
        return font.ContainsGlyph(rune.Value);
    }

    static SKTypeface? Other(Rune rune) =>
        System.Value.FirstOrDefault(face => Has(face, rune)) ?? SKFontManager.Default.MatchCharacter(rune.Value);

    // On Linux Skia is built without fontconfig and knows no font of the system.
    static IReadOnlyList<SKTypeface> OfSystem()
    {
        const string folder = "/usr/share/fonts";
        if (!Directory.Exists(folder)) return [];
        var files = Directory.EnumerateFiles(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true });
        return [.. files.Where(file => Path.GetExtension(file).ToLowerInvariant() is ".ttf" or ".otf" or ".ttc").Order(StringComparer.Ordinal)
            .Select(file => SKTypeface.FromFile(file)).OfType<SKTypeface>()];
    }

    // The resources of an Avalonia package: the size of an index, the index (version, count, and for each file its name,
    // offset and size), then the files.
    static SKTypeface Read(string name)
    {
        using var package = typeof(Typeface).Assembly.GetManifestResourceStream("Avalonia.Fonts.Inter.dll")!;
        var assembly = new byte[package.Length];
        package.ReadExactly(assembly);
        using var resources = new BinaryReader(Assembly.Load(assembly).GetManifestResourceStream("!AvaloniaResources")!);
        var start = sizeof(int) + resources.ReadInt32();
        resources.ReadInt32();
        for (var files = resources.ReadInt32(); files > 0; files--)
        {
            var (file, offset, size) = (resources.ReadString(), resources.ReadInt32(), resources.ReadInt32());
            if (file != name) continue;
            resources.BaseStream.Position = start + offset;
            using var data = SKData.CreateCopy(resources.ReadBytes(size));
            return SKTypeface.FromData(data);
        }
        throw new InvalidDataException($"the package of the typeface has no {name}");
    }
}
