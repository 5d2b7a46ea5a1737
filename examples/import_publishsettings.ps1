#Requires -Version 7.2
#Requires -Modules Az.Accounts
<#
.SYNOPSIS
    Imports the subscriptions of a publishsettings file, as a tenant on Azure Pack.
.DESCRIPTION
    The file holds a private key: it goes to the app in the body of this one request, and nowhere else. Needs the app role Tenants.Write.
.PARAMETER Url
    Address of the app, such as https://<app>.azurewebsites.net
.PARAMETER Audience
    api://<client id of the app's registration>
.PARAMETER SubscriptionId
    Only these subscriptions of the file; without it all.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)] [ValidatePattern('^https://[^/]+/?$')] [string] $Url,
    [Parameter(Mandatory)] [string] $Audience,
    [Parameter(Mandatory)] [string] $Tenant,
    [Parameter(Mandatory)] [ValidateScript({ Test-Path $_ -PathType Leaf })] [string] $File,
    [guid[]] $SubscriptionId
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

# read as plain text: Get-Content adds members to a text, which older versions write into the JSON
$body = @{ publishSettings = @{ value = [System.IO.File]::ReadAllText((Resolve-Path $File).Path) } }
if ($SubscriptionId) { $body.subscriptionIds = @($SubscriptionId | ForEach-Object { "$_" }) }
$request = @{
    Method             = 'POST'
    Uri                = "$($Url.TrimEnd('/'))/api/tenants/$Tenant/azure-pack-subscriptions/import"
    Authentication     = 'Bearer'
    Token              = (Get-AzAccessToken -ResourceUrl $Audience -AsSecureString).Token
    Body               = ConvertTo-Json -InputObject $body -Depth 5
    ContentType        = 'application/json; charset=utf-8'
    SkipHttpErrorCheck = $true
    StatusCodeVariable = 'status'
    TimeoutSec         = 60
}
$answer = Invoke-RestMethod @request
if ($status -ne 200) { throw "$($answer.error.code): $($answer.error.message) ($($answer.error.target))" }
$answer.value | Select-Object -Property @('id', 'name', 'installation', @{ Name = 'expiresInDays'; Expression = { $_.certificate.expiresInDays } })
