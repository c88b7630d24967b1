using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Transformers.Processes;

/// <summary>Watches that the other processes are alive: each keeps a connection to the first one and sends a heartbeat every second.</summary>
/// <remarks>
/// A process that dies closes its connection, which is noticed immediately. One that is suspended, or whose machine has failed, sends
/// nothing: after <see cref="Limit"/> it counts as failed. The heartbeats come from a separate thread, so a long save, validation or
/// preparation of data does not count as silence. MPI itself would wait forever.
/// </remarks>
public sealed class ProcessMonitor : IDisposable
{
    /// <summary>Sets <see cref="Limit"/>, in seconds.</summary>
    public const string LimitVariable = "TRANSFORMER_SILENCE";

    static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    // How long a connection may take to be made and to name its process; and how long the first process, which may be busy with others, may
    // take to answer.
    static readonly TimeSpan ForStrangers = TimeSpan.FromSeconds(3), ForTheFirst = TimeSpan.FromSeconds(10);

    readonly Communicator processes;
    readonly Action<ProcessFailedException> onFailure;
    readonly List<Peer> peers = [];
    readonly Lock guard = new();
    readonly Thread sender;
    readonly ManualResetEventSlim end = new();
    volatile ProcessFailedException? failure;
    bool failed;

    /// <summary>Connects every process to the first one; collective.</summary>
    /// <param name="processes">All processes.</param>
    /// <param name="limit">The <see cref="Limit"/>; all use the first process's, since a launcher may not have passed the environment
    /// on.</param>
    /// <param name="onFailure">Called once, on one of the monitor's threads, when another process has failed: before the others are
    /// notified, and before <see cref="Failure"/> is set.</param>
    /// <exception cref="ProcessFailedException">A process does not reach the first one; thrown in all of them.</exception>
    public ProcessMonitor(Communicator processes, TimeSpan limit, Action<ProcessFailedException> onFailure)
    {
        (this.processes, this.onFailure) = (processes, onFailure);
        using var listener = processes.IsFirst ? Listener() : null;
        var meeting = processes.Broadcast(listener is null ? null! : new Rendezvous([.. Addresses()], ((IPEndPoint)listener.LocalEndpoint).Port, Guid.NewGuid().ToString("N"), limit));
        Limit = meeting.Limit;
        var all = processes.Collect(new Hello(processes.Rank, Environment.ProcessId, Environment.MachineName));
        if (listener is not null) Run(() => Accept(listener, meeting, all));
        // The first process accepts connections until each of the others has reported whether it has one.
        var problems = processes.Collect(listener is null ? Connect(meeting, all) : null);
        listener?.Stop();
        if (problems.FirstOrDefault(problem => problem is not null) is { } unreachable) throw new ProcessFailedException(unreachable, noticed: processes.IsFirst);
        foreach (var peer in peers)
        {
            peer.Heard(); // Others may have taken long to connect.
            Run(() => Listen(peer));
        }
        sender = Run(Watch);
    }

    static TcpListener Listener()
    {
        var listener = new TcpListener(Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any, 0);
        if (Socket.OSSupportsIPv6) listener.Server.DualMode = true;
        listener.Start();
        return listener;
    }

    static Thread Run(Action action)
    {
        var thread = new Thread(() => action()) { IsBackground = true, Name = "process monitor" };
        thread.Start();
        return thread;
    }

    /// <summary>The silence after which a process counts as failed.</summary>
    public TimeSpan Limit { get; }

    /// <summary>The failure of another process; null while all are alive.</summary>
    public ProcessFailedException? Failure => failure;

    /// <summary>The limit that this process's environment sets.</summary>
    /// <exception cref="UserException">TRANSFORMER_SILENCE is not a number of seconds.</exception>
    public static TimeSpan ReadLimit() => Environment.GetEnvironmentVariable(LimitVariable) is not { Length: > 0 } text ? TimeSpan.FromSeconds(60)
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 3 and <= 86400 ? TimeSpan.FromSeconds(seconds)
        : throw new UserException($"{LimitVariable} ({text}) must be a whole number of seconds from 3 to 86400", "set it, or unset it for 60");

    // All addresses of this machine, since it does not know which of them the others can reach.
    static IEnumerable<string> Addresses() => NetworkInterface.GetAllNetworkInterfaces().Where(card => card.OperationalStatus == OperationalStatus.Up || card.NetworkInterfaceType == NetworkInterfaceType.Loopback)
        .SelectMany(card => card.GetIPProperties().UnicastAddresses).Select(unicast => unicast.Address).Where(address => !address.IsIPv6LinkLocal)
        .Select(address => address.ToString()).Order(StringComparer.Ordinal).OrderBy(address => IPAddress.IsLoopback(IPAddress.Parse(address)) ? 1 : 0).Append("127.0.0.1").Distinct();

    // Other programs that happen to connect do not know the password, and are dropped.
    void Accept(TcpListener listener, Rendezvous meeting, Hello[] all)
    {
        try
        {
            while (true)
            {
                var peer = new Peer(listener.AcceptTcpClient());
                if (peer.Ask(ForStrangers) is { } line && line.Split(' ') is [var password, var rank] && password == meeting.Password)
                {
                    peer.Who = all[int.Parse(rank, CultureInfo.InvariantCulture)];
                    // A process that gets no answer in time tries another address.
                    peers.RemoveAll(earlier => earlier.Who == peer.Who);
                    peers.Add(peer);
                    peer.Send(meeting.Password);
                }
                else peer.Close();
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // The listener has been stopped.
        }
    }

    // Returns null, or the reason why there is no connection. The first process's loopback address is tried last: on another machine it is
    // a different computer.
    string? Connect(Rendezvous meeting, Hello[] all)
    {
        foreach (var address in meeting.Addresses.Select(IPAddress.Parse))
        {
            var client = new TcpClient(address.AddressFamily);
            try
            {
                if (client.ConnectAsync(address, meeting.Port).Wait(ForStrangers))
                {
                    var peer = new Peer(client) { Who = all[0] };
                    peer.Send(string.Create(CultureInfo.InvariantCulture, $"{meeting.Password} {processes.Rank}"));
                    if (peer.Ask(ForTheFirst) == meeting.Password)
                    {
                        peers.Add(peer);
                        return null;
                    }
                }
            }
            catch (AggregateException exception) when (exception.InnerException is SocketException)
            {
                // Another address may work.
            }
            client.Dispose();
        }
        return $"process {all[processes.Rank]} does not reach process {all[0]} at {string.Join(", ", meeting.Addresses)}, port {meeting.Port}: a firewall may block it";
    }

    void Listen(Peer peer)
    {
        try
        {
            while (peer.ReadLine() is { } line)
            {
                peer.Heard();
                if (line == Peer.Goodbye) peer.Left = true;
                else if (line.StartsWith(Peer.Stopped, StringComparison.Ordinal)) Fail($"process {peer.Who} was stopped before the first step", noticed: false, line[Peer.Stopped.Length..]);
                else if (line != Peer.Alive) Fail(line, noticed: false);
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // The connection is lost.
        }
        finally
        {
            peer.Gone.Set();
        }
        if (!peer.Left) Fail($"process {peer.Who} has ended without a message");
    }

    void Watch()
    {
        while (!end.Wait(Pause))
        {
            Notify(Peer.Alive);
            if (peers.FirstOrDefault(peer => !peer.Left && peer.Silence > Limit) is { } silent)
                Fail($"process {silent.Who} has not answered for {Limit.TotalSeconds:0} s: it is suspended, or its machine or network has failed");
        }
    }

    // The exchanges of this process end last, and the process with them: by then the failure has been reported, and the others know of it.
    void Fail(string what, bool noticed = true, string? stopped = null)
    {
        var found = new ProcessFailedException(what, noticed, stopped);
        if (!IsTheFirstFailure()) return;
        onFailure(found);
        Notify(stopped is null ? what : Peer.Stopped + stopped);
        failure = found;
    }

    bool IsTheFirstFailure()
    {
        lock (guard)
        {
            if (failed || end.IsSet) return false;
            return failed = true;
        }
    }

    void Notify(string line)
    {
        foreach (var peer in peers) peer.Send(line);
    }

    /// <summary>Reports to the others why this process is about to end.</summary>
    /// <param name="why">What went wrong here.</param>
    public void Report(string why)
    {
        if (IsTheFirstFailure()) Notify($"process {new Hello(processes.Rank, Environment.ProcessId, Environment.MachineName)} has ended: {why.ReplaceLineEndings(" ")}");
    }

    /// <summary>Lets the others know that a signal stops this process before all could agree to stop: it has not failed, and they stop too.</summary>
    /// <param name="reason">The signal, such as <c>sigterm</c>.</param>
    public void ReportStop(string reason)
    {
        if (IsTheFirstFailure()) Notify(Peer.Stopped + reason);
    }

    /// <summary>Waits until the first process has ended; returns immediately in the first one.</summary>
    /// <param name="limit">The longest time to wait.</param>
    public void WaitForFirst(TimeSpan limit)
    {
        if (!processes.IsFirst) peers[0].Gone.Wait(limit);
    }

    /// <summary>Stops watching; this process is about to end normally.</summary>
    public void Dispose()
    {
        if (end.IsSet) return;
        Notify(Peer.Goodbye);
        end.Set();
        sender.Join();
    }

    sealed record Rendezvous(IReadOnlyList<string> Addresses, int Port, string Password, TimeSpan Limit);

    sealed record Hello(int Rank, int Pid, string Machine)
    {
        public override string ToString() => $"{Rank} (pid {Pid} on {Machine})";
    }

    sealed class Peer(TcpClient client)
    {
        internal const string Alive = "alive", Goodbye = "goodbye", Stopped = "stopped ";

        readonly StreamReader reader = new(client.GetStream());
        readonly Lock writing = new();
        long heard = Stopwatch.GetTimestamp();

        internal Hello Who { get; set; } = null!;
        internal ManualResetEventSlim Gone { get; } = new();
        internal volatile bool Left;
        internal TimeSpan Silence => Stopwatch.GetElapsedTime(Interlocked.Read(ref heard));

        internal void Heard() => Interlocked.Exchange(ref heard, Stopwatch.GetTimestamp());

        internal string? ReadLine() => reader.ReadLine();

        /// <summary>Reads a line; null if none comes in time.</summary>
        internal string? Ask(TimeSpan limit)
        {
            client.ReceiveTimeout = (int)limit.TotalMilliseconds;
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
                // The thread that reads this connection notices that too.
            }
        }
    }
}
