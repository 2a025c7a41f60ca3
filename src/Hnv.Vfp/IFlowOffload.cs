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

    /// <summary>Tells by <see cref="VPort.CountOffloaded"/> what was counted; ages are about to be looked at.</summary>
    /// <param name="now">The coarse clock that packets are decided with, milliseconds.</param>
    public void Fold(long now);
}
