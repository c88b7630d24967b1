using TorchSharp;
using Transformers.Configs;
using Transformers.Data.Audio;
using Transformers.IO.Sounds;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Evaluation;

/// <summary>Turns recordings into the normalised spectrograms that a model reads.</summary>
public sealed class SoundFrontEnd : IDisposable
{
    const int MeasuredSounds = 512, BatchSize = 64;

    readonly LogMel spectrogram;

    /// <summary>Creates a front end for an input.</summary>
    public SoundFrontEnd(SoundInput input, Device device) => (Input, Device, spectrogram) = (input, device, new LogMel(input.Mels, device));

    /// <summary>How recordings become input.</summary>
    public SoundInput Input { get; }

    /// <summary>Where it computes.</summary>
    public Device Device { get; }

    /// <summary>The spectrograms of a batch; masked values are replaced by the mean.</summary>
    /// <param name="first">The first row.</param>
    /// <param name="rows">The number of rows.</param>
    /// <returns>[rows, T, M].</returns>
    public Tensor Of(SoundBatch batch, int first, int rows)
    {
        var x = (spectrogram.Of(Part(batch.Samples, batch.Length)) - Scalars.Of(Input.Mean)) / Scalars.Of(Input.Std);
        if (batch is not { FramesKept: { } frames, BandsKept: { } bands }) return x;
        return x * Part(frames, frames.Length / batch.Labels.Length).unsqueeze(2) * Part(bands, bands.Length / batch.Labels.Length).unsqueeze(1);

        Tensor Part(float[] all, int each) => tensor(all[(first * each)..((first + rows) * each)], [rows, each]).SendTo(Device);
    }

    /// <summary>Measures the mean and standard deviation of the training spectrograms.</summary>
    public static SoundInput Measure(SoundDataset sounds, int samples, int mels)
    {
        using var inference = no_grad();
        using var front = new SoundFrontEnd(new SoundInput(samples, mels, 0, 1), NativeLibraries.Cpu);
        var (sum, squares, count) = (0.0, 0.0, 0L);
        foreach (var part in EvenlySpaced(sounds.Train, MeasuredSounds).Chunk(BatchSize))
        {
            using var scope = NewDisposeScope();
            var x = front.Of(sounds.Batch(part, samples), 0, part.Length).to(ScalarType.Float64);
            sum += x.sum().item<double>();
            squares += (x * x).sum().item<double>();
            count += x.numel();
        }
        var mean = sum / count;
        return new SoundInput(samples, mels, mean, Math.Sqrt(Math.Max(1e-12, squares / count - mean * mean)));
    }

    /// <summary>The accuracy of a simple baseline: the class whose mean spectrum is nearest to that of a recording.</summary>
    /// <param name="sounds">The recordings; the centroids are those of the training split.</param>
    /// <param name="indices">The recordings to classify.</param>
    public double CentroidAccuracy(SoundDataset sounds, int[] indices)
    {
        using var inference = no_grad();
        var (own, others) = (EvenlySpaced(sounds.Train, 4 * MeasuredSounds), indices);
        var (centroids, counts) = (new double[sounds.Classes.Count][], new int[sounds.Classes.Count]);
        foreach (var (index, spectrum) in Spectra(sounds, own))
        {
            var centroid = centroids[sounds.LabelOf(index)] ??= new double[Input.Mels];
            counts[sounds.LabelOf(index)]++;
            for (var mel = 0; mel < centroid.Length; mel++) centroid[mel] += spectrum[mel];
        }
        var right = 0;
        foreach (var (index, spectrum) in Spectra(sounds, others))
        {
            var nearest = Enumerable.Range(0, centroids.Length).Where(c => counts[c] > 0)
                .MinBy(c => spectrum.Select((value, mel) => Math.Pow(value - centroids[c][mel] / counts[c], 2)).Sum());
            if (nearest == sounds.LabelOf(index)) right++;
        }
        return (double)right / indices.Length;
    }

    IEnumerable<(int Index, float[] Spectrum)> Spectra(SoundDataset sounds, IReadOnlyList<int> indices)
    {
        foreach (var part in indices.Chunk(BatchSize))
        {
            float[] means;
            using (NewDisposeScope()) means = Of(sounds.Batch(part, Input.Samples), 0, part.Length).mean([1L]).cpu().contiguous().data<float>().ToArray();
            for (var row = 0; row < part.Length; row++) yield return (part[row], means[(row * Input.Mels)..((row + 1) * Input.Mels)]);
        }
    }

    static int[] EvenlySpaced(int[] indices, int most) => indices.Length <= most ? indices : [.. Enumerable.Range(0, most).Select(i => indices[(int)((long)i * indices.Length / most)])];

    /// <inheritdoc/>
    public void Dispose() => spectrogram.Dispose();
}

/// <summary>A trained audio model, with its preprocessing and the names of its classes.</summary>
public sealed class SoundRun : IDisposable
{
    SoundRun(TrainedRun run, Ast model, SoundFrontEnd front, IReadOnlyList<string> classes) => (Run, Model, FrontEnd, Classes) = (run, model, front, classes);

    /// <summary>The run.</summary>
    public TrainedRun Run { get; }

    /// <summary>The network, in evaluation mode.</summary>
    public Ast Model { get; }

    /// <summary>Turns recordings into its input.</summary>
    public SoundFrontEnd FrontEnd { get; }

    /// <summary>The names of its classes.</summary>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>Loads the network of an open run.</summary>
    /// <exception cref="UserException">It is of a different kind, or damaged.</exception>
    public static SoundRun Open(TrainedRun run, Device? device = null, Precision precision = Precision.Fp32)
    {
        var config = run.Require<AstConfig>("an audio model (ast)");
        var input = SoundInput.Parse(run.Checkpoint.ReadText(SoundInput.FileName), run.Checkpoint.PathOf(SoundInput.FileName));
        var classes = run.LoadClasses();
        device ??= NativeLibraries.Cpu;
        var model = run.Fill(new Ast(config, new SoundShape(LogMel.FramesOf(input.Samples), input.Mels, classes.Count)).to(device));
        Precisions.Apply(model, Precisions.Resolve(precision, device));
        return new SoundRun(run, model, new SoundFrontEnd(input, device), classes);
    }

    /// <summary>Opens the recordings that the run was trained on, or others.</summary>
    /// <param name="path">Another folder; null for the config's own.</param>
    /// <param name="split">The requested split, if any. Other recordings are divided only if a split is requested.</param>
    /// <param name="generated">The folder in which generated data sets are kept.</param>
    /// <exception cref="UserException">They cannot be opened, or have a class that the network does not know.</exception>
    public SoundDataset OpenSounds(string? path, string? split, string generated)
    {
        var config = (AudioDataConfig)Run.Config.Data;
        var sounds = SoundDataset.Open(path is not null && split is null ? config with { Holdout = 0 } : config, Run.Config.Seed, path, generated);
        KnownClasses.NumbersOf(sounds.Classes, Classes, "recordings");
        return sounds;
    }

    /// <summary>Scores of recordings.</summary>
    /// <returns>B·N unnormalised scores.</returns>
    public float[] Scores(SoundBatch batch)
    {
        using var inference = no_grad();
        using var scope = NewDisposeScope();
        return [.. Model.Logits(FrontEnd.Of(batch, 0, batch.Labels.Length)).to(ScalarType.Float32).cpu().contiguous().data<float>()];
    }

    /// <summary>One file as a batch, cropped or padded to the length of the model's input.</summary>
    /// <exception cref="UserException">The file cannot be read.</exception>
    public SoundBatch Read(string path)
    {
        var batch = new SoundBatch([0], [0], FrontEnd.Input.Samples);
        SoundDataset.Clip(Resampler.Resample(WavFile.Read(path), LogMel.Rate).Samples, batch.Row(0), 0);
        return batch;
    }

    /// <summary>Names the classes of files, and of all WAV files of folders.</summary>
    /// <param name="inputs">Files and folders. A file that is named directly and cannot be read has a problem instead of classes; one in a folder is left out.</param>
    /// <param name="top">The number of classes to return for each.</param>
    /// <param name="skipped">Receives what is wrong with each file that is left out; null to ignore it.</param>
    /// <param name="progress">Receives the fraction done so far.</param>
    /// <exception cref="UserException">An input does not exist, or a folder has no WAV files.</exception>
    public IEnumerable<ClassPrediction> Predict(IEnumerable<string> inputs, int top, ICollection<Problem>? skipped = null, Action<double>? progress = null)
    {
        // All inputs are checked first, so that a typing error in the last does not waste the work on the others.
        var files = inputs.SelectMany(input => Directory.Exists(input) ? SoundDataset.FilesBelow(input).Select(file => (file, named: false)) : File.Exists(input) ? [(input, true)]
            : throw new UserException([new Problem("the file or folder does not exist", input, Hint: Suggestion.ForPath(input))])).ToList();
        foreach (var (file, named) in files.Counted(files.Count, progress))
        {
            if (SoundDataset.FaultOf(file) is { } fault)
            {
                if (named) yield return new(file, [], fault);
                else skipped?.Add(fault);
                continue;
            }
            yield return new(file, LabelProbability.Top(Classes, Scores(Read(file)), top));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        FrontEnd.Dispose();
        Model.Dispose();
    }
}
