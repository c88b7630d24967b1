using System.Numerics;
using Transformers.IO;
using Transformers.IO.Images;

namespace Transformers.Generators.Scenes;

/// <summary>Draws the objects of a scene in the cells of a grid, on an uneven, noisy background.</summary>
static class SceneDrawing
{
    /// <summary>The side of a cell, in pixels; an object is near its centre and entirely inside it.</summary>
    public const int Cell = 16;

    /// <summary>The side of a scene, in pixels.</summary>
    public const int Side = Cell * SceneSampler.Side;

    const int Noise = 16;

    static readonly float[] Radii = [4.4f, 6.9f];
    static readonly Vector3[] Colors = [new(0.85f, 0.12f, 0.1f), new(0.1f, 0.6f, 0.15f), new(0.1f, 0.25f, 0.85f), new(0.95f, 0.85f, 0.1f), new(0.6f, 0.15f, 0.65f)];

    /// <summary>Draws a scene.</summary>
    /// <param name="things">The objects.</param>
    /// <param name="random">Determines everything except the objects.</param>
    /// <param name="circles">If given, receives the centre and radius of each object, in pixels.</param>
    public static RgbImage Draw(IReadOnlyList<PlacedThing> things, SampleRandom random, List<(Vector2 Center, float Radius)>? circles = null)
    {
        var image = new RgbImage(Side, Side);
        var pixels = new Vector3[Side * Side];
        Ground(pixels, random);
        foreach (var thing in things)
        {
            var circle = Draw(pixels, thing, random);
            circles?.Add(circle);
        }
        var bytes = image.Span;
        ulong bits = 0;
        for (var i = 0; i < pixels.Length; i++)
            for (var c = 0; c < 3; c++, bits >>= 8)
            {
                if ((3 * i + c) % 8 == 0) bits = random.NextBits();
                bytes[3 * i + c] = (byte)Math.Clamp(pixels[i][c] * 255 + (int)(bits & 0xFF) * Noise / 256 - Noise / 2, 0, 255);
            }
        return image;
    }

    static void Ground(Vector3[] pixels, SampleRandom random)
    {
        var level = (float)random.Uniform(0.6, 0.8);
        var (across, down) = ((float)random.Uniform(-0.1, 0.1), (float)random.Uniform(-0.1, 0.1));
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = new Vector3(level + across * ((i % Side) / (float)Side - 0.5f) + down * (i / Side / (float)Side - 0.5f));
    }

    static (Vector2, float) Draw(Vector3[] pixels, PlacedThing placed, SampleRandom random)
    {
        var thing = placed.Thing;
        var radius = Radii[thing.Size] * (float)random.Uniform(0.96, 1.04);
        var free = Cell / 2f - radius - 0.6f;
        var center = new Vector2((float)random.Uniform(-free, free), (float)random.Uniform(-free, free)) + new Vector2(Cell / 2f);
        var color = Colors[thing.Color] * (float)random.Uniform(0.85, 1.1);
        for (var y = 0; y < Cell; y++)
            for (var x = 0; x < Cell; x++)
            {
                var at = (new Vector2(x + 0.5f, y + 0.5f) - center) / radius;
                var cover = Math.Clamp(Inside(thing.Shape, at) * radius + 0.5f, 0, 1);
                if (cover <= 0) continue;
                ref var pixel = ref pixels[(placed.Row * Cell + y) * Side + placed.Column * Cell + x];
                pixel = Vector3.Lerp(pixel, Lit(color, thing.Material, at), cover);
            }
        return (center + new Vector2(placed.Column * Cell, placed.Row * Cell), radius);
    }

    // Metal is bright at the upper left and dark at the lower right; rubber has one colour.
    static Vector3 Lit(Vector3 color, int material, Vector2 at)
    {
        if (material == 0) return color;
        var t = Math.Clamp((at.X + at.Y) / 2 + 0.5f, 0, 1);
        return t < 0.5f ? Vector3.Lerp(Vector3.One, color, 2 * t) : Vector3.Lerp(color, color * 0.35f, 2 * t - 1);
    }

    // The distance to the outline of a shape within a circle of radius 1, above 0 inside.
    static float Inside(int shape, Vector2 at)
    {
        var (x, y) = (Math.Abs(at.X), Math.Abs(at.Y));
        return shape switch
        {
            0 => 1 - at.Length(),
            1 => 0.82f - Math.Max(x, y),
            2 => Math.Min(0.75f - at.Y, (at.Y + 1 - 1.9f * x) / 2.15f),
            3 => Math.Max(Math.Min(0.3f - x, 0.98f - y), Math.Min(0.3f - y, 0.98f - x)),
            _ => 0.25f - Math.Abs(at.Length() - 0.75f),
        };
    }
}
