using Hnv.Controller;
using Hnv.Controller.Store;
using Hnv.Ovsdb;
using Hnv.Pki;

return await ControllerProgram.RunAsync(args);

namespace Hnv.Controller
{
    /// <summary>The process: <c>Hnv.Controller [--config FILE]</c>.</summary>
    internal static class ControllerProgram
    {
        private const int Failed = 1;
        private const int WrongUse = 2;

        public static async Task<int> RunAsync(string[] args)
        {
            if (args is not ([] or ["--config", _]))
            {
                await Console.Error.WriteLineAsync("usage: Hnv.Controller [--config FILE]");
                return WrongUse;
            }

            try
            {
                ControllerOptions options = args.Length == 0 ? new ControllerOptions() : ControllerOptions.Read(args[1]);
                await using ControllerApp app = await ControllerApp.StartAsync(options, CancellationToken.None);
                await app.Web.WaitForShutdownAsync();
                return 0;
            }
            catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException or OvsdbException or StoreException or PkiException)
            {
                await Console.Error.WriteLineAsync($"hnv controller: {e.Message}");
                return Failed;
            }
        }
    }
}
