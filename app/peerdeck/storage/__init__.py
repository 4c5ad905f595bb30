"""What stays between starts: settings in a file, secrets in the system's keyring, recordings.

`settings.SettingsFile` reads and writes core.settings.Settings as JSON in the user's configuration
folder, whole or not at all: a broken file is put aside and reported, never half believed.

`secrets.SecretStore` keeps tokens in the keyring that the system has (Secret Service, KWallet,
Keychain, Credential Locker) and in nothing else: where none works they live in this program's
memory, and `where` and `warning` say so. There is no file with secrets in it, not even an encrypted
one, and a keyring backend that would write one is refused.

`recordings` writes sessions to files while they live and reads them again. `dumps` reads and writes
the formats of others: chrome://webrtc-internals, rtcstats, CSV.

A keyring may ask the user to unlock it and wait; the calls run on threads of their own with a limit
in time, and the secret is usable meanwhile.
"""
