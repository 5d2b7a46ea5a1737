#Requires -Version 5.1
<#
.SYNOPSIS
    The accounts service of an installation: makes the sign-ins of customers, in Active Directory or in the membership database.
.DESCRIPTION
    Farshore calls PUT, GET and DELETE {url}/accounts/{userName} with a bearer token (docs/design/data-centers.md, "The accounts service").
    PUT makes the account, or sets its password: the same call again changes nothing. Run it beside the directory, behind TLS (netsh http
    add sslcert), as an account that may do no more than this. The password is in the body of PUT alone; nothing here writes it anywhere.
    Membership needs Windows PowerShell 5.1, because System.Web is a part of the .NET Framework, and the site's membership provider with its
    connection string in powershell.exe.config. Neither directory has been tried with Farshore yet.
.PARAMETER Prefix
    What to listen to, such as https://accounts.example.com:8443/
.PARAMETER Token
    The bearer token, the same as the Key Vault secret that accounts.token of the installation refers to.
.PARAMETER Directory
    ActiveDirectory: users of an organizational unit. Membership: the database of the membership sign-in site.
.PARAMETER OrganizationalUnit
    Where users are made, such as OU=Customers,DC=example,DC=com
.PARAMETER ConnectionString
    Of the database Microsoft.MgmtSvc.PortalAspNet, for Membership.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory)] [ValidatePattern('^https://.+/$')] [string] $Prefix,
    [Parameter(Mandatory)] [securestring] $Token,
    [Parameter(Mandatory)] [ValidateSet('ActiveDirectory', 'Membership')] [string] $Directory,
    [string] $OrganizationalUnit,
    [string] $ConnectionString
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$expected = [System.Text.Encoding]::UTF8.GetBytes("Bearer $([System.Net.NetworkCredential]::new('', $Token).Password)")

function Get-Account([string] $Name) {
    if ($Directory -eq 'ActiveDirectory') {
        return Get-ADUser -Filter 'userPrincipalName -eq $Name' -SearchBase $OrganizationalUnit
    }
    Invoke-Membership 'SELECT u.UserId FROM dbo.Users u WHERE u.UserName = @name' @{ name = $Name }
}

function Set-Account([string] $Name, [object] $Account) {
    $password = ConvertTo-SecureString $Account.password -AsPlainText -Force
    if ($Directory -eq 'ActiveDirectory') {
        $user = Get-Account $Name
        if ($user) {
            Set-ADAccountPassword -Identity $user -NewPassword $password -Reset
            return 200
        }
        $short = ($Name -replace '[^A-Za-z0-9]', '')
        $made = @{
            Name = $Name; SamAccountName = $short.Substring(0, [Math]::Min(20, $short.Length)); UserPrincipalName = $Name
            EmailAddress = $Account.email; DisplayName = $Account.displayName; AccountPassword = $password
            Path = $OrganizationalUnit; Enabled = $true; Description = "$($Account.tenant) $($Account.dataCenter)"
        }
        New-ADUser @made
        return 201
    }
    # System.Web.Providers: the hash is that of the site; ask its own API, so that its settings decide
    Add-Type -AssemblyName System.Web
    $provider = [System.Web.Security.Membership]::Provider
    $user = $provider.GetUser($Name, $false)
    if ($user) {
        if (-not $user.ChangePassword($user.ResetPassword(), $Account.password)) { throw 'The password was not changed.' }
        return 200
    }
    $status = [System.Web.Security.MembershipCreateStatus]::Success
    $provider.CreateUser($Name, $Account.password, $Account.email, $null, $null, $true, $null, [ref] $status) | Out-Null
    if ($status -ne 'Success') { throw "The account was not made: $status" }
    201
}

function Remove-Account([string] $Name) {
    $found = Get-Account $Name
    if (-not $found) { return 404 }
    if ($Directory -eq 'ActiveDirectory') { Remove-ADUser -Identity $found -Confirm:$false }
    else { Add-Type -AssemblyName System.Web; [System.Web.Security.Membership]::Provider.DeleteUser($Name, $true) | Out-Null }
    204
}

function Invoke-Membership([string] $Query, [hashtable] $Values) {
    $connection = [System.Data.SqlClient.SqlConnection]::new($ConnectionString)
    try {
        $connection.Open()
        $command = $connection.CreateCommand()
        $command.CommandText = $Query
        foreach ($name in $Values.Keys) { $command.Parameters.AddWithValue("@$name", $Values[$name]) | Out-Null }
        $command.ExecuteScalar()
    }
    finally { $connection.Dispose() }
}

function Test-Token([string] $Given) {
    # compared in a time that does not depend on where they differ
    $bytes = [System.Text.Encoding]::UTF8.GetBytes("$Given")
    $differs = $bytes.Length -bxor $expected.Length
    for ($i = 0; $i -lt $expected.Length; $i++) {
        $one = if ($i -lt $bytes.Length) { $bytes[$i] } else { 0 }
        $differs = $differs -bor ($one -bxor $expected[$i])
    }
    $differs -eq 0
}

$listener = [System.Net.HttpListener]::new()
$listener.Prefixes.Add($Prefix)
$listener.Start()
Write-Output "Listening at $Prefix."
while ($listener.IsListening) {
    $context = $listener.GetContext()
    $status = 500
    try {
        $path = $context.Request.Url.AbsolutePath
        if (-not (Test-Token $context.Request.Headers['Authorization'])) { $status = 401 }
        elseif ($path -notmatch '^/accounts/([^/]{1,254})$') { $status = 404 }
        else {
            $name = [uri]::UnescapeDataString($Matches[1])
            if ($name -notmatch '^[A-Za-z0-9][A-Za-z0-9._@-]{0,253}$') { $status = 400 }
            elseif ($context.Request.HttpMethod -eq 'PUT') {
                $reader = [System.IO.StreamReader]::new($context.Request.InputStream)
                $status = Set-Account $name (ConvertFrom-Json $reader.ReadToEnd())
            }
            elseif ($context.Request.HttpMethod -eq 'GET') { $status = if (Get-Account $name) { 200 } else { 404 } }
            elseif ($context.Request.HttpMethod -eq 'DELETE') { $status = Remove-Account $name }
            else { $status = 405 }
        }
    }
    catch {
        # the message of a directory may repeat what it was given: only its kind is written
        Write-Warning "$($context.Request.HttpMethod) failed: $($_.Exception.GetType().Name)"
    }
    $context.Response.StatusCode = $status
    $context.Response.Close()
}
