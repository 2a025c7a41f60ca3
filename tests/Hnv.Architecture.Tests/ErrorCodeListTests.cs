using System.Text.RegularExpressions;

namespace Hnv.Architecture.Tests;

/// <summary>
/// The list of error codes of the northbound protocol ([MS-NCNBI] §3.1.5.35, which calls it complete): each is made to happen by some test of the
/// controller, or is named here with the reason why it is never sent; and nothing is sent that is not in the list.
/// </summary>
public sealed partial class ErrorCodeListTests
{
    private const string Listed = """
        AclRuleBothDestinationAddressPrefixAndSecurityTagsPresent AclRuleBothSourceAddressPrefixAndSecurityTagsPresent
        AclRuleDestinationNeitherAddressPrefixNorSecurityTagsPresent AclRuleInvalidDestinationAddressPrefix AclRuleInvalidDestinationPortRange
        AclRuleInvalidSourceAddressPrefix AclRuleInvalidSourcePortRange AclRuleNullOrEmptyDestinationAddressPrefix
        AclRuleNullOrEmptyDestinationPortRange AclRuleNullOrEmptySourceAddressPrefix AclRuleNullOrEmptySourcePortRange
        AclRuleSourceNeitherAddressPrefixNorSecurityTagsPresent AclRuleTagsNotSupportedOnLogicalNetwork AddressPrefixInRestrictedAddressSpace
        AddressPrefixMustBeInPublicAddressSpace AnotherOperationInProgress AnotherPeeringAlreadyReferencesRemoteVnet
        AnotherPeeringAlreadyUsesRemoteGateways AnyPortProtocolNotAllowedWithOtherInboundRules AnyPortProtocolNotAllowedWithOtherOutboundNatRules
        BackendAndFrontendPortsAreDifferent BackendIPConfigurationsDontUseSameVnet BackendPoolReferenceNotProvided BackupFolderNotEmpty BadRequest
        BrownfieldSites Canceled CanceledByPrimarySite CanceledByRemoteSite CannotSwitchLbBetweenAvailabilitySets
        CannotUpdateDisconnectedPeeringWithNullRemoteVnet CannotUpdateMuxModeAfterCreatingLoadBalancerMuxes
        CannotUpdateMuxModeAfterCreatingLoadBalancers CannotUpdateMuxModeAfterCreatingNetworkInterfaceWithPublicIP
        CannotUpdateMuxModeAfterCreatingVirtualGatewayWithIPSecConnection CannotUpdateNetworkInterfaceAfterCreationInL2ForwardingMode
        CannotUpdateVLanId ChangingRemoteVirtualNetworkNotAllowed CommonNameExtractionFailed DnsRecordInUse DnsServerCountLimitReached
        DomainNameLabelCannotBeNullOrEmpty DuplicateLocalVpnGatewayAddress DuplicateNonZeroVIPSubnetVLanID FeatureDisabled FrontEndIpNotInVipPool
        FrontendIPConfigAndBackendIPConfigsAreInDifferentVnets FrontendIPConfigDoesNotSupportServiceInsertion FrontendIPConfigHasBothSubnetAndPublicIP
        FrontendIPConfigHasNoSubnetOrPublicIP FrontendIpConfigReferenceNotProvided FrontendIpConfigSubnetNoAddrPrefix
        FrontendPrivateIPAddressIsNotNull FrontendPrivateIPAllocationMethodIsNotDynamic FrontendPrivateIpAllocationMethodIsNotStatic
        HostVirtualNetworkInterfaceCannotConnectToVirtualNetwork InUseAccessControlListCannotBeDeleted InUseBackendAddressPoolCannotBeDeleted
        InUseCredentialCannotBeDeleted InUseFrontendIpConfigurationCannotBeDeleted InUseIpPoolCannotBeDeleted InUseProbeCannotBeDeleted
        InUseQosSettingsCannotBeUpdated InUseRouteTableCannotBeDeleted InUseSecurityTagCannotBeDeleted InUseServerCannotBeDeleted
        InUseServiceInsertionCannotBeDeleted InUseSubnetCannotBeDeleted InUseSubnetCannotBeUpdated InUseVipPoolCannotBeRemoved
        InUseVirtualServerCannotBeDeleted InboundNatRuleInUse InternalServerError InvalidAclRuleAction InvalidAclRulePriority InvalidAclRuleProtocol
        InvalidAclRuleType InvalidAnyPortAnyProtocolInboundRule InvalidDomainNameLabel InvalidFrontendIPCount InvalidGatewayIPCount InvalidIPAddress
        InvalidIPPrefix InvalidJson InvalidJsonReferenceFormat InvalidJsonReferenceWrongType InvalidLogicalNetworkReference
        InvalidMacAddressForMacPool InvalidMultisiteApiVersion InvalidNetworkInterfaceReference InvalidNextHopIpAddress InvalidOutboundNatProtocolType
        InvalidParameterValue InvalidPrivateIPAddressFormat InvalidPrivateMacAddress InvalidProtocolForProbe InvalidRequestFormat InvalidResourceName
        InvalidResourceReference InvalidRouteAddressPrefix InvalidSubnet InvalidUnbilledAddressRange InvalidVsidRangeFormat InvalidVsidRangeValues
        IpConfigCannotChangeFromInternalToPublicViceVersa IpConfigCannotHaveFloatingIpAnyPortLbRulesWithNonFloatingIpRules
        IpConfigCannotHaveOtherLbRulesWithNonFloatingIpAnyPortRule IsHostVirtualNetworkInterfaceCannotBeUpdated LbManagerResourceNotConfigured
        LearnedIpAddressSubnetMissing LearnedIpConfigCannotBeLoadbalancedOrHavePublicIP LearnedIpConfigCannotBePrimary
        LearnedIpConfigInvalidConfiguration LearnedIpConfigMissingPrimary LearnedIpConfigModified LearnedIpConfigPrivateIpNotSet
        LearnedIpConfigurationNotSupported LearnedIpInvalidIpAddress LearnedIpNotPartofSubnet LearnedIpSubnetInUse LearnedIpSubnetNotReady
        LnetDynamicAllocationBlocked LnetDynamicAllocationBlockedIfLessThanV6 LoadBalancerHasBothPublicAndInternalFrontends
        LoadBalancerMuxModeNotSupported MacPoolContainsMulticastAddresses MinimumApiVersionNotSpecifiedForVsidRange MissingNextHopIpAddress
        MultipleGatwaysUseSameVnet MultisiteCannotSpecifyBothCertificateSubjectNameAndSecurityGroup
        MultisiteCertificateSubjectNameCannotBeSpecifiedWithWindowsAuth NetworkMismatch NextHopIpAddressNotAllowed NicInUse NotFound
        NumberOfProbesIsOutOfRange OnlyPrimaryNetworkInterfaceCanHaveDnsSettings OperationFailedInPrimarySite OperationNotSupported
        OutboundIdleTimeoutImmutableIfLessThanV4_2 OutboundNatRulesAreNotSupported ParentVnetAlreadyHasGateways PeeringRemoteVnetIsSameAsParentVnet
        PortValueIsOutOfRange PrimaryNicPropertyCannotBeUpdated PrivateIPAddressInReservedRange PrivateIPAddressInUse PrivateIPAddressMissing
        PrivateIPAddressNotInSubnet PrivateIpAllocationMethodCannotBeUpdated PrivateIpAllocationMethodMustBeUnmanaged PrivateMacAddressMissing
        PrivateMacAllocationMethodCannotBeUpdated ProbeIntervalIsOutOfRange ProbeRequestPathIsNotNull ProbeRequestPathIsRequired PublicIPAddressInUse
        PublicIPAddressInUseCannotUpdate PublicIPAddressMissing PublicIPAddressVersionCannotUpdate PublicIPIdleTimeoutIsOutOfRange
        QosGlobalSettingsNotConfigured ReferencedResourceNotProvisioned RemotePeeringDoesNotAllowGatewayTransit
        RemotePeeringIsStaleBecauseVnetWasRecreated RemoteVirtualNetworkNotSpecified RemoteVnetHasNoGateways RequiredParamMissing
        ResourceFailedRemoteSiteValidation ResourceInUse RestoreOperationInProgress RetryableError RouteConflict RouteCountLimitReached
        RouteNextHopIpAddressNotFound RuleIdleTimeoutIsOutOfRange RuleNameDuplicate RulesUseSameBackendPort RulesUseSameFrontendPort
        SecurityTagAlreadyHasAclApplied ServiceInsertionElementWithUnsupportedNetworkInterface ServiceUnavailable SingleLearnedIpPerNic
        SiteCountLimitReached SiteHasConflictingResource StaticAllocationMethodNotSupported SubnetIsFull SubnetIsRequired
        SubnetsOldReferencesNotCleanedUp TransientError UnmanagedAllocationMethodNotSupported UnsupportedCredentialType
        UpdateBackendAddressPoolsNotAllowed UpgradeInProgress UseRemoteAndAllowTransitCannotBeTrue ValidationError VipRangeTooLarge
        VirtualNetworkMismatch VirtualSubnetIsRequiredForServiceInsertion VnetAddressSpaceCannotChangeDueToPeerings
        VnetAddressSpaceOverlapsWithAlreadyPeeredVnet VnetAddressSpacesOverlap VnetInUse
        """;

    /// <summary>What the list names and this controller has no occasion for.</summary>
    private static readonly Dictionary<string, string> s_never = new(StringComparer.Ordinal)
    {
        ["AnotherOperationInProgress"] = "a later operation always takes over or is queued; the restore, which cannot be cancelled, has a code of its own",
        ["BadRequest"] = "each case has a code that says more",
        ["ServiceUnavailable"] = "RetryableError says the same, with Retry-After",
        ["BrownfieldSites"] = "sites are stored and not connected",
        ["CanceledByPrimarySite"] = "sites are stored and not connected",
        ["CanceledByRemoteSite"] = "sites are stored and not connected",
        ["OperationFailedInPrimarySite"] = "sites are stored and not connected",
        ["ResourceFailedRemoteSiteValidation"] = "sites are stored and not connected",
        ["SiteHasConflictingResource"] = "sites are stored and not connected",
        ["InvalidMultisiteApiVersion"] = "an older version does not know the resource: 404",
        ["CannotSwitchLbBetweenAvailabilitySets"] = "there are no availability sets",
        ["InvalidFrontendIPCount"] = "a rule may have any number of front ends",
        ["LearnedIpSubnetNotReady"] = "a stored subnet takes a learned address at once",
        ["LnetDynamicAllocationBlocked"] = "no controller without dynamic addresses was ever migrated to this one",
        ["LnetDynamicAllocationBlockedIfLessThanV6"] = "no controller without dynamic addresses was ever migrated to this one",
        ["OutboundNatRulesAreNotSupported"] = "they are",
        ["ReferencedResourceNotProvisioned"] = "what is stored is durable, and may be referred to",
        ["StaticAllocationMethodNotSupported"] = "it is",
        ["SubnetsOldReferencesNotCleanedUp"] = "references end in the commit that ends them",
        ["UpgradeInProgress"] = "the store is converted before anything is served; until then it is RetryableError",
    };

    /// <summary>Cases that the protocol does not have (401, 403 and 429 are in none of its tables), and our words for them.</summary>
    private static readonly string[] s_own = ["Unauthorized", "Forbidden", "TooManyRequests"];

    private static readonly HashSet<string> s_codes = [.. Listed.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries)];

    [Fact]
    public void CodeOfTheList_IsTestedOrNamedAsNeverSent()
    {
        HashSet<string> tested = [.. Quoted().Matches(TextBelow("tests/Hnv.Controller.Tests")).Select(m => m.Groups[1].Value)];

        Assert.Equal(203, s_codes.Count);
        Assert.Equal([], s_codes.Where(code => !tested.Contains(code) && !s_never.ContainsKey(code)));
        Assert.Equal([], s_never.Keys.Where(code => !s_codes.Contains(code) || tested.Contains(code)));
    }

    [Fact]
    public void CodeThatIsSent_IsInTheListOrOneOfOurFew()
    {
        string[] sent = [.. Sent().Matches(TextBelow("src/Hnv.Controller")).Select(m => m.Groups[1].Value).Distinct()];

        Assert.True(sent.Length > 80, $"{sent.Length} codes were found in the source: the pattern of this test does not fit any more.");
        Assert.Equal([], sent.Where(code => !s_codes.Contains(code) && !s_own.Contains(code)));
        Assert.Equal([], sent.Where(s_never.ContainsKey));
    }

    private static string TextBelow(string folder) => string.Concat(RepositoryFiles.Sources(folder).Order(StringComparer.Ordinal).Select(RepositoryFiles.Read));

    // A code in a test is a string by itself, or one of several with commas between them.
    [GeneratedRegex("(?<=[\",])([A-Z][A-Za-z0-9_]+)(?=[\",])")]
    private static partial Regex Quoted();

    [GeneratedRegex("(?:Fail\\(|Code = )\"([A-Z][A-Za-z0-9_]+)\"")]
    private static partial Regex Sent();
}
