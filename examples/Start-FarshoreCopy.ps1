#Requires -Version 7.2
#Requires -Modules Az.Accounts
<#
.SYNOPSIS
    Copies a restore point, or a VM, to another region; a runbook of Azure Automation.
.DESCRIPTION
    Signs in as the Automation account's managed identity, which needs the app role Copies.Write, and Copies.Read with -Wait.
    Run again with the same -RequestId, it finds the copy that it started before.
.PARAMETER Url
    Address of the app, such as https://<app>.azurewebsites.net
.PARAMETER Audience
    api://<client id of the app's registration>
.PARAMETER RestorePointId
    ARM id of the restore point to copy.
.PARAMETER VirtualMachineId
    ARM id of a VM, of which a restore point is made first.
.PARAMETER Region
    Where to: an Azure region other than the source's.
.PARAMETER ResourceGroup
    An existing resource group for the copy.
.PARAMETER IdentityClientId
    Client id of a user-assigned identity; without it the system-assigned one is used.
.PARAMETER RequestId
    Makes the request repeatable; by default the id of the runbook's job.
.PARAMETER Wait
    Follow the copy to its end, or for -WaitMinutes. Automation ends a runbook after three hours; the copy goes on without it.
#>
[CmdletBinding(DefaultParameterSetName = 'RestorePoint')]
param(
    [Parameter(Mandatory)] [ValidatePattern('^https://[^/]+/?$')] [string] $Url,
    [Parameter(Mandatory)] [string] $Audience,
    [Parameter(Mandatory, ParameterSetName = 'RestorePoint')] [string] $RestorePointId,
    [Parameter(Mandatory, ParameterSetName = 'VirtualMachine')] [string] $VirtualMachineId,
    [Parameter(Mandatory)] [string] $Region,
    [Parameter(Mandatory)] [string] $ResourceGroup,
    [string] $IdentityClientId,
    [guid] $RequestId = $(if ($PSPrivateMetadata.JobId) { "$($PSPrivateMetadata.JobId)" } else { [guid]::NewGuid() }),
    [switch] $Wait,
    [ValidateRange(1, 170)] [int] $WaitMinutes = 150
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

function Invoke-Farshore([string] $Method, [string] $Path, [object] $Body, [hashtable] $Headers = @{}) {
    # a token anew for each call: Az keeps it until it ends, and a copy takes longer than that
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
                throw "Farshore refused it ($status): $($answer.error.code): $($answer.error.message)"
            }
            throw "Farshore answered $status"
        }
        Start-Sleep -Seconds ([math]::Pow(2, $attempt))
    }
}

$identity = if ($IdentityClientId) { @{ AccountId = $IdentityClientId } } else { @{} }
$null = Connect-AzAccount -Identity @identity

$source = if ($RestorePointId) { @{ restorePointId = $RestorePointId } } else { @{ virtualMachineId = $VirtualMachineId } }
$body = @{ source = $source; target = @{ region = $Region; resourceGroup = $ResourceGroup } }
$copy = Invoke-Farshore POST '/restore-point-copies' $body @{ 'Repeatability-Request-ID' = "$RequestId" }
Write-Output "$($copy.id) $($copy.status)"

$deadline = (Get-Date).AddMinutes($WaitMinutes)
while ($Wait -and $copy.status -in 'NotStarted', 'Running' -and (Get-Date) -lt $deadline) {
    Start-Sleep -Seconds 60
    $copy = Invoke-Farshore GET "/restore-point-copies/$($copy.id)"
    Write-Output "$($copy.id) $($copy.status) $($copy.step) $($copy.percentComplete) %"
    if ($copy.attention) { Write-Warning "It needs a person: $($copy.attention.message)" }
}
if ($copy.status -in 'Failed', 'Canceled') {
    $why = if ($copy.error) { "$($copy.error.code): $($copy.error.message)" }
    throw "The copy $($copy.id) ended $($copy.status). $why"
}
$copy
