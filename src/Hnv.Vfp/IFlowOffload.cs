namespace Hnv.Vfp;

/// <summary>
/// Where an executor has decisions carried out without asking the port for each packet: the kernel, a device. Policy stays here, so it must hear
/// when a decision no longer stands, and tell what was counted there.
/// </summary>
public interface IFlowOffload
{
    /// <summary>
    /// Policy has changed: of every port whose <see cref="VPort.Generation"/> is another now, what was decided before must not be carried out once
    /// this returns. Called under the switch's lock, with the new policy in force and before anybody is told so.
    /// </summary>
    public void PolicyInForce();

    /// <summary>A flow is no longer remembered; what it counted since the last <see cref="Fold"/> is to be told. Called under the port's lock.</summary>
    public void Forget(UnifiedFlow flow);

    /// <summary>
    /// A conversation goes on that no flow is remembered of: nobody carries it, and only the port knows it. Who is to outlive the engine notes it, in place of
    /// what was noted of it before. Called under the port's lock.
    /// </summary>
    public void NoteIdle(VPort port, in CarriedFlow conversation);

    /// <summary>A conversation that was noted has ended. Called under the port's lock.</summary>
    public void ForgetIdle(VPort port, in CarriedFlow conversation);

    /// <summary>Tells by <see cref="VPort.CountOffloaded"/> what was counted; ages are about to be looked at.</summary>
    /// <param name="now">The coarse clock that packets are decided with, milliseconds.</param>
    public void Fold(long now);
}
