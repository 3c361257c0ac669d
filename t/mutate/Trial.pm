package Trial;

# Builds a mutant, and tries the tests on it.

use strict;
use warnings;

use File::Basename qw(basename);
use File::Path qw(make_path);

# Tests for what is not pure, the likeliest to notice first.  What these do not
# see is shown to all others but the slowest; one job at a time, because a test
# that fails for want of time would pass for one that has seen something.

my $slow = qr/\A(?:0[0-4]|41|4[5-8]|52|54|55|56|60|78|79)-/;

my %tests = (
    'ngx_http_totp_gate.c'    => [qw(10-gate 12-vars 73-phases 44-hostile 34-logout 41-redis-down
                                     46-redis-faults-feed)],
    'ngx_http_totp_session.c' => [qw(14-forged 12-vars 75-headers-to-app 44-hostile 40-two-nodes 34-logout)],
    'accept.lua'          => [qw(57-scripts 31-code 32-backup 38-journeys)],
    'attempt.lua'         => [qw(57-scripts 31-code 35-limits 38-journeys 34-logout)],
    'burn.lua'            => [qw(57-scripts 31-code 33-settings)],
    'codes.lua'           => [qw(57-scripts 32-backup 38-journeys)],
    'common.lua'          => [qw(57-scripts 31-code 37-store 32-backup 51-password-limits)],
    'disable.lua'         => [qw(57-scripts 33-settings 38-journeys)],
    'enable.lua'          => [qw(57-scripts 30-enable 33-settings 38-journeys)],
    'hello.lua'           => [qw(57-scripts 37-store 41-redis-down)],
    'logout.lua'          => [qw(57-scripts 34-logout 40-two-nodes 44-hostile)],
    'pending.lua'         => [qw(57-scripts 30-enable 33-settings)],
    'refund.lua'          => [qw(57-scripts 51-password-limits 44-hostile)],
    'renew.lua'           => [qw(57-scripts 32-backup 38-journeys)],
    'reserve.lua'         => [qw(57-scripts 51-password-limits 35-limits)],
    'reserve_address.lua' => [qw(57-scripts 51-password-limits 44-hostile)],
    'settings.lua'        => [qw(57-scripts 33-settings 30-enable)],
    'signin.lua'          => [qw(57-scripts 20-login 33-settings 51-password-limits)],
);


# top: the sources;  dir: where to build, of its own

sub new {
    my ($class, $top, $dir) = @_;

    my $self = bless {
        top => $top, dir => $dir,
        cc => 'cc -std=gnu11 -w -O1 -fPIC -Ingx_http_totp_module/pure',
        libs => '-lhiredis -lqrencode -lcrypto -lcrypt',
    }, $class;

    make_path("$dir/o", "$dir/t");

    return $self;
}


# Takes over what another has built and checked; but for the tree, which knows
# where it is.

sub like {
    my ($self, $other) = @_;

    sh("cp -a $other->{dir}/o $other->{dir}/t $other->{dir}/libpure.so"
       . " $self->{dir}/") == 0 && $self->tree
        or die "$self->{dir}: cannot be made\n";

    return;
}


# Everything as it is: built, and good.

sub check {
    my ($self) = @_;
    my $d = $self->{dir};

    for (glob "$self->{top}/ngx_http_totp_module/pure/*.c") {
        my $o = basename($_, '.c');
        sh("$self->{cc} -c -o $d/o/$o.o $_") == 0 or return 0;
    }

    sh("cc -shared -o $d/libpure.so $d/o/*.o $self->{libs}") == 0 or return 0;

    for (glob "$self->{top}/t/unit/test_*.c") {
        my $t = basename($_, '.c');
        sh("$self->{cc} -It/unit -o $d/t/$t $_ -L$d -lpure -lcmocka"
           . " $self->{libs} -Wl,-rpath,'\$ORIGIN/..'") == 0 or return 0;
        $self->unit($t) == 0 or return 0;
    }

    return $self->tree;
}


# A tree of its own for what is not pure: nothing of ours is touched.

sub tree {
    my ($self) = @_;
    my $d = $self->{dir};

    return sh("rm -rf $d/tree && mkdir $d/tree && cp -r config Makefile README.md t conf"
              . " ngx_http_totp_module $d/tree/ && make -C $d/tree > /dev/null")
           == 0;
}


# What killed it: a word, or undef.

sub run {
    my ($self, $m) = @_;

    return $m->file =~ m{/pure/} ? $self->run_pure($m) : $self->run_server($m);
}


sub run_pure {
    my ($self, $m) = @_;
    my $d = $self->{dir};
    my $name = basename($m->file, '.c');

    spew("$d/m.c", $m->text);
    return 'compiler'
        if sh("$self->{cc} -c -o $d/m.o $d/m.c 2> /dev/null");

    my @others = grep { basename($_) ne "$name.o" } glob "$d/o/*.o";
    my $keep = "$d/libpure.good.so";

    rename "$d/libpure.so", $keep or die "$keep: $!";

    my $by = sh("cc -shared -o $d/libpure.so $d/m.o @others $self->{libs}")
        ? 'linker' : undef;

    # its own test first
    my @t = map { basename($_) } glob "$d/t/test_*";
    (my $own = $name) =~ s/\Atotp_/test_/;

    for (sort { ($b eq $own) <=> ($a eq $own) || $a cmp $b } @t) {
        last if $by;
        $by = $_ if $self->unit($_);
    }

    rename $keep, "$d/libpure.so" or die "$keep: $!";

    return $by;
}


sub unit {
    my ($self, $t) = @_;

    return sh("timeout 10 $self->{dir}/t/$t > /dev/null 2>&1");
}


sub run_server {
    my ($self, $m) = @_;
    my $tree = "$self->{dir}/tree";
    my $file = "$tree/" . $m->file;
    my $by;

    spew($file, $m->text);

    if (sh("make -C $tree CFLAGS=-w > /dev/null 2>&1")) {
        $by = 'compiler';

    } else {
        for my $t (@{ $tests{ basename($m->file) } || [] }) {
            my ($path) = glob "$tree/t/$t.t";
            die "no test $t" unless $path;
            $by = $t if sh("cd $tree && timeout 120 prove -Q -It/lib $path"
                           . ' > /dev/null 2>&1');
            last if $by;
        }

        $by ||= $self->others(basename($m->file));
    }

    spew($file, slurp($m->file));

    return $by;
}


sub others {
    my ($self, $file) = @_;

    my $tree = "$self->{dir}/tree";
    my %done = map { ("$_.t" => 1) } @{ $tests{$file} || [] };
    my @more = map { "t/$_" } grep { !$done{$_} && !/$slow/ }
               map { basename($_) } glob "$tree/t/*.t";

    # some at a time: most is seen by the first of them
    while (my @some = splice @more, 0, 12) {
        return 'others'
            if sh("cd $tree && flock $self->{top}/build/mutate/others"
                  . " timeout 300 prove -Q -j4 -It/lib @some"
                  . ' > others.log 2>&1');
    }

    return;
}


sub sh { return system '/bin/sh', '-c', $_[0] }

sub slurp {
    my ($path) = @_;

    open my $fh, '<', $path or die "$path: $!";
    local $/;

    return scalar <$fh>;
}

sub spew {
    my ($path, $text) = @_;

    open my $fh, '>', $path or die "$path: $!";
    print $fh $text;
    close $fh or die "$path: $!";

    return;
}


1;
