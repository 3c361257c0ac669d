package Bench::Requests;

# Table 1: what a guard costs a request.

use strict;
use warnings;

use Exporter 'import';

use Bench::Callgrind;
use Bench::Cpu;
use Bench::Load;
use Bench::Syscalls;
use Bench::Table;
use Bench::Variants;
use Totp::Util;

our @EXPORT_OK = qw(run);


sub run {
    my ($site, $cookie, $quick) = @_;

    my $bare = $site->{bare};
    my @all = Bench::Variants::all($site, $cookie);
    my @kinds = $quick ? ([h1 => 'tiny'], [h1 => 'proxied'])
        : map { my $p = $_; map { [$p => $_] } qw(tiny file proxied) }
              qw(h1 h2);
    my ($pairs, $rounds, $calls) = $quick ? (3, 3, 1000) : (9, 3, 5000);
    my ($counted, $traced) = $quick ? (300, 300) : (1000, 2000);
    my (@rows, %base);

    my $twin = Bench::Callgrind->new(site => $site, name => 'bare',
        conf => { server => $site->guarded('bare', '') });

    for my $v (@all) {
        say_progress("requests: $v->{name}");

        $v->{node} = $site->node("v-$v->{guard}", %{ $v->{conf} })->start;
        Bench::Variants::check($v, $v->{node}->port);

        my %ratios;

        for my $pair (1 .. $pairs) {
            afresh($_, $v) for $pair > 1 ? ($bare, $v->{node}) : ();

            for my $kind (@kinds) {
                my ($ratio, $us) =
                    Bench::Cpu::ratio($bare, $v, @$kind, $rounds, $calls);
                push @{ $ratios{"@$kind"} }, $ratio;
                push @{ $base{"@$kind"} }, $us;
            }
        }

        my @cells = map { sprintf '%.3f', median(@{ $ratios{"@$_"} }) } @kinds;

        push @cells, map { sprintf '%+d', $_ }
                     instructions($site, $v, $twin, $counted);
        push @cells, syscalls($bare, $v, $traced);
        push @cells, sprintf '%+d', $v->{node}->memory - $bare->memory;
        push @rows, [$v->{name}, @cells];

        $v->{node}->quit;
    }

    $twin->stop;

    table('Table 1.  A request behind a guard, against the same without one: '
          . 'ratio of the worker\'s CPU time, then what is added',
          ['', (map { $_->[0] eq 'h1' ? "$_->[1]" : "h2 $_->[1]" } @kinds),
           'instr. tiny', 'instr. proxied', 'syscalls', 'RSS kB'],
          ['no guard, us', (map { sprintf '%.1f', median(@{ $base{"@$_"} }) }
                            @kinds), '', '', '', ''],
          @rows);

    return;
}


# Another process.  Where its memory happens to lie makes up to a twentieth of
# the time: two nginx that are the same differ by as much.

sub afresh {
    my ($node, $v) = @_;

    $node->quit or die "nginx does not end\n";
    $node->start;
    Bench::Variants::check($v, $node->port) if $node == $v->{node};

    return;
}


# User instructions on top of no guard, by thing.

sub instructions {
    my ($site, $v, $twin, $n) = @_;

    my $own = Bench::Callgrind->new(site => $site, name => $v->{guard},
                                    conf => $v->{conf});
    my @more = map {
        counted($own, Bench::Variants::raw($v, $_), $v->{calls} ? 20 : $n)
            - counted($twin, Bench::Variants::raw($v, $_, 'bare'), $n)
    } qw(tiny proxied);

    $own->stop;

    return @more;
}


sub counted {
    my ($callgrind, $raw, $n) = @_;

    my $load = sub { Bench::Load::requests($_[0], $_[1], $raw, 200) };

    wait_until(sub { eval { $load->($callgrind->port, 1); 1 } }, 60, 0.2)
        or die "under callgrind: $@";

    return $callgrind->count($load, $n);
}


sub syscalls {
    my ($bare, $v, $n) = @_;

    $n = $v->{calls} if $v->{calls} && $v->{calls} < $n;
    my $with = Bench::Syscalls::count($v->{node},
        Bench::Variants::raw($v, 'tiny'), $n);
    my $without = Bench::Syscalls::count($bare,
        Bench::Variants::raw($v, 'tiny', 'bare'), $n);

    return '?' if !defined $with || !defined $without;

    return sprintf '%+.2f', $with - $without;
}


1;
