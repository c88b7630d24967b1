namespace Transformers.Generators.Stories;

/// <summary>What can happen. A plot draws its people, things and places and has them act; it keeps its promises before it ends.</summary>
static partial class Plots
{
    public static readonly Action<Teller>[] All =
    [
        Lost, Lent, Swaps, Quarrel, Treasure, MixUp, Build, Grow, Cook, Contest, Help, Visit, Errand, Secret, Letters, Stray, Flock,
    ];
}
