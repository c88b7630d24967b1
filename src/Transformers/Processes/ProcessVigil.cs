using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Transformers.IO;

namespace Transformers.Processes;

/// <summary>Watches that the other processes are alive: each keeps a connection to the first one and sends a sign of life every second.</summary>
/// <remarks>
/// A process that ends without a word closes its connection, which is noticed at once. One that is stopped, or whose machine is gone, sends
/// nothing: after <see cref="Limit"/> it counts as failed. The signs come from a thread of their own, so a long save, validation or
/// preparation of data does not count as silence. MPI itself would wait for ever.
/// </remarks>
public sealed class ProcessVigil : IDisposable
{
    /// <summary>Sets <see cref="Limit"/>, in seconds.</summary>
    public const string LimitVariable = "TRANSFORMER_SILENCE";

    static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    readonly Communicator processes;
    readonly List<Peer> peers = [];
    readonly TcpListener? listener;
    readonly Lock guard = new();
    readonly Thread sender;
    readonly ManualResetEventSlim end = new();
    ProcessFailedException? failure;

    /// <summary>Connects every process to the first one; collective.</summary>
    /// <param name="processes">All processes.</param>
    /// <param name="onFailure">Called once, on a thread of the vigil, when another process has failed.</param>
    /// <exception cref="UserException">TRANSFORMER_SILENCE is not a number of seconds.</exception>
    public ProcessVigil(Communicator processes, Action<ProcessFailedException> onFailure)
    {
        this.processes = processes;
        OnFailure = onFailure;
        Limit = LimitOf(Environment.GetEnvironmentVariable(LimitVariable));
        if (processes.IsFirst)
        {
            listener = new TcpListener(Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any, 0);
            if (Socket.OSSupportsIPv6) listener.Server.DualMode = true;
            listener.Start();
        }
        var meeting = processes.Broadcast(processes.IsFirst ? new Meeting([.. Addresses()], ((IPEndPoint)listener!.LocalEndpoint).Port, Guid.NewGuid().ToString("N")) : null!);
        var all = processes.Collect(new Hello(processes.Rank, Environment.ProcessId, Environment.MachineName));
        if (processes.IsFirst) Accept(meeting, all);
        else peers.Add(Connect(meeting, all[0]));
        foreach (var peer in peers) new Thread(() => Listen(peer)) { IsBackground = true, Name = "vigil" }.Start();
        sender = new Thread(Watch) { IsBackground = true, Name = "vigil" };
        sender.Start();
    }

    /// <summary>The silence after which a process counts as failed.</summary>
    public TimeSpan Limit { get; }

    /// <summary>What has become of another process; null where all are alive.</summary>
    public ProcessFailedException? Failure { get { lock (guard) return failure; } }

    Action<ProcessFailedException> OnFailure { get; }

    static TimeSpan LimitOf(string? text) => text is not { Length: > 0 } ? TimeSpan.FromSeconds(60)
        : int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var seconds) && seconds is >= 3 and <= 86400 ? TimeSpan.FromSeconds(seconds)
        : throw new UserException($"{LimitVariable} ({text}) must be a whole number of seconds from 3 to 86400", "set it, or unset it for 60");

    // Every address of this machine: which of them another one reaches is not known here.
    static IEnumerable<string> Addresses() => NetworkInterface.GetAllNetworkInterfaces().Where(card => card.OperationalStatus == OperationalStatus.Up || card.NetworkInterfaceType == NetworkInterfaceType.Loopback)
        .SelectMany(card => card.GetIPProperties().UnicastAddresses).Select(unicast => unicast.Address).Where(address => !address.IsIPv6LinkLocal)
        .Select(address => address.ToString()).Order(StringComparer.Ordinal).OrderBy(address => IPAddress.IsLoopback(IPAddress.Parse(address)) ? 1 : 0).Append("127.0.0.1").Distinct();

    // A stranger that happens to connect does not know the password, and is dropped.
    void Accept(Meeting meeting, Hello[] all)
    {
        while (peers.Count < processes.Size - 1)
        {
            var peer = new Peer(listener!.AcceptTcpClient());
            if (peer.Ask() is { } line && line.Split(' ') is [var password, var rank] && password == meeting.Password)
            {
                peer.Send(meeting.Password);
                peer.Who = all[int.Parse(rank, CultureInfo.InvariantCulture)];
                peers.Add(peer);
            }
            else peer.Close();
        }
        listener!.Stop();
    }

    // The first process's own loopback address is the last to be tried: on another machine it leads to somebody else.
    Peer Connect(Meeting meeting, Hello first)
    {
        foreach (var address in meeting.Addresses.Select(IPAddress.Parse))
        {
            var client = new TcpClient(address.AddressFamily);
            try
            {
                if (client.ConnectAsync(address, meeting.Port).Wait(TimeSpan.FromSeconds(3)))
                {
                    var peer = new Peer(client) { Who = first };
                    peer.Send(string.Create(CultureInfo.InvariantCulture, $"{meeting.Password} {processes.Rank}"));
                    if (peer.Ask() == meeting.Password) return peer;
                }
            }
            catch (AggregateException exception) when (exception.InnerException is SocketException)
            {
                // Another address may do.
            }
            client.Dispose();
        }
        throw new ProcessFailedException($"process {processes.Rank} on {Environment.MachineName} does not reach process 0 at {string.Join(", ", meeting.Addresses)}, port {meeting.Port}");
    }

    void Listen(Peer peer)
    {
        try
        {
            while (peer.ReadLine() is { } line)
            {
                peer.Heard();
                if (line == Peer.Goodbye)
                {
                    peer.Left = true;
                    return;
                }
                if (line != Peer.Alive) Fail(line, noticed: false);
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // The connection is lost.
        }
        if (!end.IsSet) Fail($"process {peer.Who} has ended without a word");
    }

    void Watch()
    {
        while (!end.Wait(Pause))
        {
            foreach (var peer in peers) peer.Send(Peer.Alive);
            if (peers.FirstOrDefault(peer => !peer.Left && peer.Silence > Limit) is { } silent)
                Fail($"process {silent.Who} has not answered for {Limit.TotalSeconds:0} s: it is stopped, or its machine or network is gone");
        }
    }

    void Fail(string what, bool noticed = true)
    {
        ProcessFailedException found;
        lock (guard)
        {
            if (failure is not null || end.IsSet) return;
            found = failure = new ProcessFailedException(what, noticed);
        }
        foreach (var peer in peers) peer.Send(what);
        OnFailure(found);
    }

    /// <summary>Lets the others know, before this process ends, why it does.</summary>
    /// <param name="why">What went wrong here.</param>
    public void Report(string why)
    {
        lock (guard)
        {
            if (failure is not null) return;
            failure = new ProcessFailedException(why);
        }
        foreach (var peer in peers) peer.Send($"process {new Hello(processes.Rank, Environment.ProcessId, Environment.MachineName)} has ended: {why.ReplaceLineEndings(" ")}");
    }

    /// <summary>Ends the watch; this process is about to end as it should.</summary>
    public void Dispose()
    {
        if (end.IsSet) return;
        foreach (var peer in peers) peer.Send(Peer.Goodbye);
        end.Set();
        sender.Join();
    }

    sealed record Meeting(IReadOnlyList<string> Addresses, int Port, string Password);

    sealed record Hello(int Rank, int Pid, string Machine)
    {
        public override string ToString() => $"{Rank} (pid {Pid} on {Machine})";
    }

    sealed class Peer(TcpClient client)
    {
        internal const string Alive = "alive", Goodbye = "goodbye";

        readonly StreamReader reader = new(client.GetStream());
        readonly Lock writing = new();
        long heard = Stopwatch.GetTimestamp();

        internal Hello Who { get; set; } = null!;
        internal volatile bool Left;
        internal TimeSpan Silence => Stopwatch.GetElapsedTime(Interlocked.Read(ref heard));

        internal void Heard() => Interlocked.Exchange(ref heard, Stopwatch.GetTimestamp());

        internal string? ReadLine() => reader.ReadLine();

        /// <summary>A line that must come soon; null where it does not.</summary>
        internal string? Ask()
        {
            client.ReceiveTimeout = 3000;
            try
            {
                return reader.ReadLine();
            }
            catch (IOException)
            {
                return null;
            }
            finally
            {
                client.ReceiveTimeout = 0;
            }
        }

        internal void Close() => client.Dispose();

        internal void Send(string line)
        {
            try
            {
                lock (writing) client.GetStream().Write(System.Text.Encoding.UTF8.GetBytes(line + "\n"));
            }
            catch (Exception exception) when (exception is IOException or ObjectDisposedException or InvalidOperationException)
            {
                // The reader of this connection finds that out, too.
            }
        }
    }
}
