namespace Transformers.Generators.Speech;

/// <summary>A speech sound: the resonances of the vocal tract, and what excites them.</summary>
/// <param name="F1">The first formant in Hz, of a man's voice.</param>
/// <param name="F2">The second.</param>
/// <param name="F3">The third.</param>
/// <param name="Milliseconds">How long it lasts.</param>
/// <param name="Voice">The loudness of the voice.</param>
/// <param name="Hiss">The loudness of the hiss.</param>
/// <param name="HissAt">The middle of the hiss in Hz.</param>
readonly record struct Phone(double F1, double F2, double F3, double Milliseconds, double Voice = 1, double Hiss = 0, double HissAt = 0);

/// <summary>The sounds of the words for 0 to 9.</summary>
/// <remarks>Formants after Peterson and Barney 1952 (vowels) and Klatt 1980, table II (consonants), rounded.</remarks>
static class Words
{
    static readonly Phone
        Ih = new(400, 1900, 2570, 90), Eh = new(530, 1840, 2480, 110), Ah = new(640, 1200, 2400, 120), Ao = new(570, 850, 2410, 140), Uw = new(310, 870, 2250, 190), Iy = new(280, 2250, 2900, 180),
        Schwa = new(500, 1400, 2400, 60, 0.8), OpenA = new(700, 1200, 2500, 110), CloseI = new(350, 2100, 2700, 100), E = new(480, 1900, 2550, 110), O = new(500, 900, 2400, 120), CloseU = new(350, 850, 2300, 90),
        W = new(300, 650, 2200, 70, 0.7), R = new(330, 1060, 1500, 70, 0.7), N = new(280, 1500, 2500, 80, 0.45),
        Z = new(250, 1600, 2600, 90, 0.35, 0.35, 5200), V = new(250, 1100, 2100, 60, 0.45, 0.12, 3800),
        S = new(320, 1600, 2600, 110, 0, 0.6, 5600), F = new(340, 1100, 2100, 100, 0, 0.22, 3900), Th = new(320, 1300, 2600, 90, 0, 0.16, 4600),
        Closure = new(300, 1600, 2600, 55, 0), T = new(400, 1700, 2600, 35, 0, 0.7, 4300), K = new(350, 1900, 2400, 35, 0, 0.6, 2300);

    /// <summary>The words in the order of their digits.</summary>
    internal static IReadOnlyList<(string Name, Phone[] Phones)> All { get; } =
    [
        ("zero", [Z, Ih, R, O, CloseU]), ("one", [W, Ah, N]), ("two", [T, Uw]), ("three", [Th, R, Iy]), ("four", [F, Ao, R]),
        ("five", [F, OpenA, CloseI, V]), ("six", [S, Ih, Closure, K, S]), ("seven", [S, Eh, V, Schwa, N]), ("eight", [E, CloseI, Closure, T]), ("nine", [N, OpenA, CloseI, N]),
    ];
}
