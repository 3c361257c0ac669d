package Totp::Util;

# Small things that every part of the harness needs: scratch files, free
# ports, waiting, random bytes, percent encoding and the register of secrets.

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::INET;
use MIME::Base64 ();
use Time::HiRes ();

our @EXPORT = qw(
    slow seconds slurp spew append random_bytes random_hex b64 b64url
    free_port wait_until nap now uri_escape uri_unescape form_encode
    secret_add secrets find_program tool fresh_ip
);

my @secrets;
my %seen;
my %ports;


# Everything that waits is stretched by TOTP_SLOW, for valgrind and the like.

sub slow { return $ENV{TOTP_SLOW} || ($ENV{TOTP_WRAP} ? 10 : 1) }

sub seconds { return $_[0] * slow() }

sub now { return Time::HiRes::time() }

sub nap { return Time::HiRes::sleep($_[0]) }


sub slurp {
    my ($path) = @_;

    open my $fh, '<:raw', $path or return '';
    local $/;
    my $text = <$fh>;

    return defined $text ? $text : '';
}


sub spew {
    my ($path, $text, $mode) = @_;

    open my $fh, '>:raw', $path or die "$path: $!";
    print {$fh} $text;
    close $fh or die "$path: $!";
    chmod $mode, $path if defined $mode;

    return $path;
}


sub append {
    my ($path, $text) = @_;

    open my $fh, '>>:raw', $path or die "$path: $!";
    print {$fh} $text;
    close $fh or die "$path: $!";

    return $path;
}


sub random_bytes {
    my ($n) = @_;

    open my $fh, '<:raw', '/dev/urandom' or die "/dev/urandom: $!";
    read($fh, my $buf, $n) == $n or die "/dev/urandom: short read";

    return $buf;
}


sub random_hex { return unpack 'H*', random_bytes($_[0]) }

sub b64 { return MIME::Base64::encode_base64($_[0], '') }

sub b64url {
    my $s = b64($_[0]);

    $s =~ tr{+/}{-_};
    $s =~ s/=+\z//;

    return $s;
}


# Ports below the range of outgoing connections, so that no client of another
# test can take one between this look and nginx' bind.

sub free_port {
    for (1 .. 500) {
        my $port = 12000 + unpack('n', random_bytes(2)) % 18000;

        next if $ports{$port};

        my $s = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', LocalPort => $port,
            Proto => 'tcp', Listen => 1) or next;
        close $s;
        $ports{$port} = 1;

        return $port;
    }

    die 'no free port';
}


# A loopback address that no client of this test has had, for tries that must
# not run into the limits of an address.

my $addresses = 0;

sub fresh_ip {
    $addresses++;
    return sprintf '127.77.%d.%d', $addresses >> 8, $addresses & 255;
}


# Calls the code until it gives something true, which is returned.

sub wait_until {
    my ($code, $timeout, $step) = @_;

    my $end = now() + seconds(defined $timeout ? $timeout : 5);

    while (1) {
        my $v = $code->();
        return $v if $v;
        return if now() > $end;
        nap($step || 0.02);
    }
}


sub uri_escape {
    my ($s) = @_;

    $s =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ge;

    return $s;
}


sub uri_unescape {
    my ($s) = @_;

    $s =~ tr/+/ /;
    $s =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;

    return $s;
}


# A hash, or a list of pairs where order or repetition matters.

sub form_encode {
    my ($form) = @_;

    my @pairs = ref $form eq 'HASH'
        ? map { [$_, $form->{$_}] } sort keys %$form
        : @$form;

    return join '&', map { uri_escape($_->[0]) . '=' . uri_escape($_->[1]) }
                     grep { defined $_->[1] } @pairs;
}


# Whatever must never show up in a log, in Redis or in a URL.  The kinds are
# password, code, secret, backup, cookie and key.

sub secret_add {
    my ($kind, $value) = @_;

    return $value if !defined $value || $value eq '';
    push @secrets, [$kind, $value] unless $seen{"$kind\0$value"}++;

    return $value;
}


sub secrets { return @secrets }


sub find_program {
    my (@names) = @_;

    for my $name (@names) {
        return $name if $name =~ m{/} && -x $name;
        for my $dir (split(/:/, $ENV{PATH} || ''), '/usr/sbin', '/sbin') {
            return "$dir/$name" if $name !~ m{/} && -x "$dir/$name";
        }
    }

    return;
}


# A tool that a test cannot do without; its absence is a failure of the test.

sub tool {
    my ($name) = @_;

    my $path = find_program($name);
    die "$name is needed for the tests and was not found\n" unless $path;

    return $path;
}


1;
