#Requires -Version 7.2
#Requires -Modules Az.Accounts
<#
.SYNOPSIS
    Fails a protected item or a recovery plan over: shows the plan, starts it, waits for the approval, follows it to its end.
.DESCRIPTION
    A runbook of Azure Automation. Signs in as the account's managed identity, which needs the app roles Failovers.Execute and
    Failovers.Read. An approval is a person's, and another one's than who asked: this script shows what is to be approved and waits.
    With -DryRun it stops after the plan. Run again with the same -RequestId, it finds the failover that it started before.
.PARAMETER Url
    Address of the app, such as https://<app>.azurewebsites.net
.PARAMETER Audience
    api://<client id of the app's registration>
.PARAMETER ProtectedItemId
    ARM id of the item to fail over.
.PARAMETER RecoveryPlanId
    ARM id of the recovery plan to fail over.
.PARAMETER Action
    What to do.
.PARAMETER Reason
    Why; needed for every action but a test failover and its cleanup.
.PARAMETER Network
    TestFailover only, and needed there: ARM id of an isolated network, or 'none' to attach none.
.PARAMETER CleanUpAfter
    TestFailover only: clean up so long after the test, an ISO 8601 duration such as PT30M.
.PARAMETER AcceptUntested
    Let it go although it was not tested lately.
.PARAMETER AcceptWarnings
    Let it go although a check warns or is unknown; one that fails is never overridden.
.PARAMETER DryRun
    Only show the plan.
.PARAMETER IdentityClientId
    Client id of a user-assigned identity; without it the system-assigned one is used.
.PARAMETER RequestId
    Makes the request repeatable; by default the id of the runbook's job.
.PARAMETER WaitMinutes
    How long to follow it. Automation ends a runbook after three hours; the failover goes on without it.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)] [ValidatePattern('^https://[^/]+/?$')] [string] $Url,
    [Parameter(Mandatory)] [string] $Audience,
    [Parameter(Mandatory, ParameterSetName = 'Item')] [string] $ProtectedItemId,
    [Parameter(Mandatory, ParameterSetName = 'Plan')] [string] $RecoveryPlanId,
    [Parameter(Mandatory)]
    [ValidateSet('TestFailover', 'TestFailoverCleanup', 'PlannedFailover', 'UnplannedFailover', 'Failback', 'Commit', 'Cancel',
        'Reprotect', 'ReverseReplicate')]
    [string] $Action,
    [string] $Reason,
    [string] $Network,
    [string] $CleanUpAfter,
    [switch] $AcceptUntested,
    [switch] $AcceptWarnings,
    [switch] $DryRun,
    [string] $IdentityClientId,
    [guid] $RequestId = $(if ($PSPrivateMetadata.JobId) { "$($PSPrivateMetadata.JobId)" } else { [guid]::NewGuid() }),
    [ValidateRange(1, 170)] [int] $WaitMinutes = 150
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

function Invoke-Farshore([string] $Method, [string] $Path, [object] $Body, [hashtable] $Headers = @{}) {
    # a token anew for each call: Az keeps it until it ends, and a failover may take longer than that
    $request = @{
        Method             = $Method
        Uri                = "$($Url.TrimEnd('/'))/api$Path"
        Authentication     = 'Bearer'
        Token              = (Get-AzAccessToken -ResourceUrl $Audience -AsSecureString).Token
        Headers            = $Headers
        SkipHttpErrorCheck = $true
        StatusCodeVariable = 'status'
        TimeoutSec         = 60
    }
    if ($null -ne $Body) {
        $request.Body = ConvertTo-Json -InputObject $Body -Depth 10
        $request.ContentType = 'application/json; charset=utf-8'
    }
    for ($attempt = 1; ; $attempt++) {
        $status = 0
        $answer = $null
        try { $answer = Invoke-RestMethod @request }
        catch [System.Net.Http.HttpRequestException], [System.Threading.Tasks.TaskCanceledException] {
            if ($attempt -ge 5) { throw }
        }
        if ($status -ge 200 -and $status -lt 300) { return $answer }
        if ($status -notin 0, 429, 500, 502, 503, 504 -or $attempt -ge 5) {
            if ($answer -is [pscustomobject] -and $answer.PSObject.Properties['error']) {
                $details = if ($answer.error.PSObject.Properties['details']) { $answer.error.details.message -join '; ' }
                throw "Farshore refused it ($status): $($answer.error.code): $($answer.error.message) $details"
            }
            throw "Farshore answered $status"
        }
        Start-Sleep -Seconds ([math]::Pow(2, $attempt))
    }
}

$identity = if ($IdentityClientId) { @{ AccountId = $IdentityClientId } } else { @{} }
$null = Connect-AzAccount -Identity @identity

$scope = if ($ProtectedItemId) { @{ protectedItemId = $ProtectedItemId } } else { @{ recoveryPlanId = $RecoveryPlanId } }
$body = @{ scope = $scope; action = $Action; acceptUntested = [bool] $AcceptUntested; acceptWarnings = [bool] $AcceptWarnings }
if ($Reason) { $body.reason = $Reason }
if ($Network) { $body.options = @{ network = if ($Network -eq 'none') { $null } else { $Network } } }
if ($CleanUpAfter) { $body.thenCleanup = @{ after = $CleanUpAfter } }

# 1. The plan: nothing is started by it.
$plan = Invoke-Farshore POST '/failovers?dryRun=true' $body
$plan.checks | Where-Object result -NE 'pass' | ForEach-Object { Write-Warning "$($_.name) $($_.result): $($_.message)" }
Write-Output "The plan $($plan.hash): $($plan.legs -join ', then ') of $(@($plan.members).Count) machines; approval: $($plan.approval)"
if ($DryRun) { return $plan }

# 2. The start: Farshore makes the checks once more and refuses (409) what does not pass. Under a request id that it knows, it answers
#    the failover as it is by now.
$failover = Invoke-Farshore POST '/failovers' $body @{ 'Repeatability-Request-ID' = "$RequestId" }
Write-Output "$($failover.id) $($failover.status)"

# 3. An approval, and a suspended failback, are for people to end; this script only reports them.
$deadline = (Get-Date).AddMinutes($WaitMinutes)
$reported = ''
while ($failover.status -in 'NotStarted', 'Running' -and (Get-Date) -lt $deadline) {
    if ($failover.step -ne $reported) {
        $reported = $failover.step
        switch ($failover.step) {
            'awaitingApproval' {
                Write-Warning "A second person must approve it until $($failover.approval.expiresAt)"
                Write-Warning "POST /api/failovers/$($failover.id)/approve"
                Write-Warning "The body is {`"planHash`": `"$($failover.approval.planHash)`"}, once that person has looked at the plan"
            }
            'commitWindow' { Write-Output "$($failover.id) waits before it cleans the test up" }
            'suspended' { Write-Warning "The data is synchronised; complete the failback: POST /api/failovers/$($failover.id)/resume" }
            default { Write-Output "$($failover.id) $($failover.step)" }
        }
    }
    if ($failover.attention) { Write-Warning "It needs a person: $($failover.attention.code): $($failover.attention.message)" }
    Start-Sleep -Seconds 20
    $failover = Invoke-Farshore GET "/failovers/$($failover.id)"
}
if ($failover.status -in 'Failed', 'Canceled') {
    $why = if ($failover.error) { "$($failover.error.code): $($failover.error.message)" }
    throw "The failover $($failover.id) ended $($failover.status). $why"
}
$failover
