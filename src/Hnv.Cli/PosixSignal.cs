using System.Runtime.InteropServices;

namespace Hnv.Cli;

/// <summary>Turns the signals that end a command politely (TERM, HUP) into a cancellation, so that it cleans up.</summary>
internal sealed class PosixSignal : IDisposable
{
    private readonly PosixSignalRegistration[] _registrations;

    private PosixSignal(Action onSignal) =>
        _registrations = [Register(System.Runtime.InteropServices.PosixSignal.SIGTERM, onSignal), Register(System.Runtime.InteropServices.PosixSignal.SIGHUP, onSignal)];

    public static PosixSignal OnTerminate(Action onSignal) => new(onSignal);

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }
    }

    private static PosixSignalRegistration Register(System.Runtime.InteropServices.PosixSignal signal, Action onSignal) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            onSignal();
        });
}
