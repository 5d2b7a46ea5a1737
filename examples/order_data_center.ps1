#Requires -Version 7.2
#Requires -Modules Az.Accounts
<#
.SYNOPSIS
    Orders, changes, suspends, resumes or deletes a virtual data center on Azure Pack by a queue message.
.DESCRIPTION
    Puts one message on tenant-requests; its id is its key, so that a message that is sent twice is carried out once. What became of it is an
    event on the queue outcomes: the event of an order has in result.welcome what the mail to the customer needs.
    Needs the role Storage Queue Data Message Sender on tenant-requests, and for -Action Welcome Storage Queue Data Message Processor on outcomes.
.PARAMETER Action
    Create, Change, Suspend, Resume, Delete, or Welcome: wait for the event of the order and show what the mail needs.
.PARAMETER Number
    The order number of the billing system.
.PARAMETER Account
    The storage account of the app.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)] [ValidateSet('Create', 'Change', 'Suspend', 'Resume', 'Delete', 'Welcome')] [string] $Action,
    [Parameter(Mandatory)] [ValidatePattern('^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$')] [string] $Number,
    [Parameter(Mandatory)] [string] $Account,
    [Parameter(Mandatory)] [string] $Tenant,
    [string] $Plan,
    [string] $User,
    [int] $Cpus,
    [int] $MemoryMB,
    [int] $StorageGB,
    [int] $Machines,
    [string] $Reason,
    [string] $After,
    [string] $Id = "$($Action.ToLowerInvariant())-$Number",
    [ValidateRange(1, 240)] [int] $WaitMinutes = 60
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

function Get-Message {
    # the message of the action, with the members that were given
    $resources = [ordered]@{}
    foreach ($pair in @(@('cpuCount', $Cpus), @('memoryMB', $MemoryMB), @('storageGB', $StorageGB), @('vmCount', $Machines))) {
        if ($pair[1] -gt 0) { $resources[$pair[0]] = $pair[1] }
    }
    $message = [ordered]@{ id = $Id; tenant = $Tenant; operation = "dataCenter.$($Action.ToLowerInvariant())" }
    if ($After) { $message.after = $After }
    switch ($Action) {
        'Create' { $message.dataCenter = $Number; $message.plan = $Plan; $message.user = @{ name = $User }; $message.resources = $resources }
        'Change' { $message.target = $Number; $message.resources = $resources }
        'Suspend' { $message.target = $Number; if ($Reason) { $message.reason = $Reason } }
        'Resume' { $message.target = $Number }
        'Delete' { $message.target = $Number; $message.deleteMachines = $true }
    }
    ConvertTo-Json -InputObject $message -Depth 5 -Compress
}

function Invoke-Queue([string] $Method, [string] $Path, [string] $Body) {
    $request = @{
        Method         = $Method
        Uri            = "https://$Account.queue.core.windows.net/$Path"
        Authentication = 'Bearer'
        Token          = (Get-AzAccessToken -ResourceUrl 'https://storage.azure.com/' -AsSecureString).Token
        Headers        = @{ 'x-ms-version' = '2021-12-02' }
        TimeoutSec     = 60
    }
    if ($Body) { $request.Body = $Body; $request.ContentType = 'application/xml' }
    Invoke-RestMethod @request
}

if ($Action -ne 'Welcome') {
    $text = [System.Security.SecurityElement]::Escape((Get-Message))
    # -1: it never expires, however long the app is down
    Invoke-Queue POST 'tenant-requests/messages?messagettl=-1' "<QueueMessage><MessageText>$text</MessageText></QueueMessage>" | Out-Null
    Write-Output "Sent $Action of $Number as $Id."
    return
}

$until = (Get-Date).AddMinutes($WaitMinutes)
while ((Get-Date) -lt $until) {
    $reply = Invoke-Queue GET 'outcomes/messages?numofmessages=32&visibilitytimeout=5' ''
    # the answer begins with a byte order mark, with which it may come as text
    $answer = if ($reply -is [xml]) { $reply } else { [xml]("$reply" -replace '^[^<]*', '') }
    foreach ($one in @($answer.SelectNodes('//QueueMessage'))) {
        $outcome = ConvertFrom-Json $one.MessageText
        if ($outcome.type -notmatch '^farshore\.dataCenter\.(succeeded|failed|canceled)$') { continue }
        $operation = $outcome.data
        $result = $operation.result
        if ($operation.action -ne 'create' -or $operation.tenant -ne $Tenant) { continue }
        if ($null -eq $result -or $result.dataCenter -ne $Number) { continue }
        $receipt = [uri]::EscapeDataString($one.PopReceipt)
        Invoke-Queue DELETE "outcomes/messages/$($one.MessageId)?popreceipt=$receipt" '' | Out-Null
        if ($operation.status -ne 'Succeeded') { throw "The order ended $($operation.status): $($operation.error.message)" }
        # secretUrl opens the password once: put it into the mail, not into a log
        $result.welcome | Select-Object -Property @('portalUrl', 'userName', 'email', 'subscriptionName', 'secretUrl', 'secretExpiresAt')
        return
    }
    Start-Sleep -Seconds 10
}
throw "No event of the order $Number within $WaitMinutes minutes."
