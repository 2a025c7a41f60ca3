namespace Hnv.Controller.Schema;

/// <summary>
/// The codes of [MS-NCNBI] §3.1.5.35 that are in use here, and the status each is sent with: 400 when the request is wrong on its
/// own, 409 when it clashes with present state, 503 to try again.
/// </summary>
internal static class ErrorCodes
{
    public const string AnotherOperationInProgress = nameof(AnotherOperationInProgress);
    public const string Canceled = nameof(Canceled);
    public const string Forbidden = nameof(Forbidden);
    public const string InternalServerError = nameof(InternalServerError);
    public const string InvalidIPAddress = nameof(InvalidIPAddress);
    public const string InvalidIPPrefix = nameof(InvalidIPPrefix);
    public const string InvalidJson = nameof(InvalidJson);
    public const string InvalidJsonReferenceFormat = nameof(InvalidJsonReferenceFormat);
    public const string InvalidJsonReferenceWrongType = nameof(InvalidJsonReferenceWrongType);
    public const string InvalidParameterValue = nameof(InvalidParameterValue);
    public const string InvalidRequestFormat = nameof(InvalidRequestFormat);
    public const string InvalidResourceName = nameof(InvalidResourceName);
    public const string InvalidResourceReference = nameof(InvalidResourceReference);
    public const string NotFound = nameof(NotFound);
    public const string OperationNotSupported = nameof(OperationNotSupported);
    public const string RequiredParamMissing = nameof(RequiredParamMissing);
    public const string ResourceInUse = nameof(ResourceInUse);
    public const string RestoreOperationInProgress = nameof(RestoreOperationInProgress);
    public const string RetryableError = nameof(RetryableError);
    public const string TooManyRequests = nameof(TooManyRequests);
    public const string TransientError = nameof(TransientError);
    public const string Unauthorized = nameof(Unauthorized);
    public const string ValidationError = nameof(ValidationError);

    private static readonly HashSet<string> s_conflicts =
    [
        AnotherOperationInProgress, ResourceInUse, "SubnetIsFull", "PrivateIPAddressInUse", "InUseSubnetCannotBeUpdated", "VnetInUse",
        "CannotUpdateVLanId", "NicInUse", "ReferencedResourceNotProvisioned", "InUseQosSettingsCannotBeUpdated",
        "AnotherPeeringAlreadyReferencesRemoteVnet", "RemotePeeringIsStaleBecauseVnetWasRecreated", "VnetAddressSpaceCannotChangeDueToPeerings",
        "CannotUpdateDisconnectedPeeringWithNullRemoteVnet", "PublicIPAddressInUse", "PublicIPAddressInUseCannotUpdate", "DnsRecordInUse",
        "InboundNatRuleInUse", "LbManagerResourceNotConfigured", "InUseVipPoolCannotBeRemoved", "CannotUpdateMuxModeAfterCreatingLoadBalancerMuxes",
        "CannotUpdateMuxModeAfterCreatingNetworkInterfaceWithPublicIP", "CannotUpdateMuxModeAfterCreatingLoadBalancers",
        "CannotUpdateMuxModeAfterCreatingVirtualGatewayWithIPSecConnection", "MultipleGatwaysUseSameVnet", "SecurityTagAlreadyHasAclApplied",
        "LearnedIpSubnetInUse", "LearnedIpSubnetNotReady", RestoreOperationInProgress, "SiteCountLimitReached", "BrownfieldSites",
    ];

    /// <summary>The HTTP status a code is sent with.</summary>
    public static int StatusOf(string code) => code switch
    {
        NotFound => StatusCodes.Status404NotFound,
        RetryableError or TransientError => StatusCodes.Status503ServiceUnavailable,
        InternalServerError => StatusCodes.Status500InternalServerError,
        _ when s_conflicts.Contains(code) || (code.StartsWith("InUse", StringComparison.Ordinal) && code.EndsWith("CannotBeDeleted", StringComparison.Ordinal))
            => StatusCodes.Status409Conflict,
        _ => StatusCodes.Status400BadRequest,
    };
}
