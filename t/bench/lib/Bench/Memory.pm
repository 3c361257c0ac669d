package Bench::Memory;

# What a worker holds after many requests and many sign-ins.

use strict;
use warnings;

use Bench::Cpu;
use Bench::Http qw(storm);
use Bench::Site;
use Bench::Table;
use Totp::Util;


sub run {
    my ($site, $cookie, $quick) = @_;

    my ($requests, $sign_ins) = $quick ? (50_000, 500) : (1_000_000, 100_000);
    my $node = $site->ready($site->node('memory', %{ $site->ours })->start);
    my @headers = (Cookie => $cookie);
    my @rows;

    say_progress("memory: $requests requests");
    Bench::Cpu::measure($node, 'h1', '/totp/tiny', \@headers, 20_000);
    my $before = $node->memory;
    Bench::Cpu::measure($node, 'h1', '/totp/tiny', \@headers, $requests);
    push @rows, ["$requests requests", $before, $node->memory];

    say_progress("memory: $sign_ins sign-ins");
    my $user = ($site->users)[-1];
    my $client = $site->client($node);
    $client->page('login');
    my $raw = $client->build('POST', '/2fa/login', keep => 1,
        headers => [Accept => 'application/json'],
        form => [[username => $user], [password => $site->rig->password($user)],
                 [csrf => $client->{csrf}]]);

    storm($node->port, [($raw) x 2000], 20);
    $before = $node->memory;
    my ($took, %status) = storm($node->port, [($raw) x $sign_ins], 20);
    die "sign-ins were refused: @{[ %status ]}\n"
        if ($status{200} || 0) != $sign_ins;
    push @rows, ["$sign_ins sign-ins", $before, $node->memory];

    table('Memory of the worker, kB', ['', 'before', 'after'], @rows);
    $node->quit;

    return;
}


1;
